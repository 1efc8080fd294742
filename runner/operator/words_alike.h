// Words for what no other source may read as well (BoundSource::alone).
#pragma once

namespace streamrun {

// Words that begin so are a pattern (RE2) of such words: of a source that finds out later what it reads.
constexpr char kWordsAlike = '~';

}  // namespace streamrun
