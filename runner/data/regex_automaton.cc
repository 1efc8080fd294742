#include "runner/data/regex_automaton.h"

#include <algorithm>
#include <bit>
#include <map>

#include "runner/data/regex_positions.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace streamrun {
namespace {

using Bytes = RegexPositions::Bytes;
using Step = RegexPositions::Step;

constexpr std::uint16_t kStart = 1;
constexpr std::size_t kMostStates = 1000;
constexpr std::size_t kMostCells = 100'000;
constexpr std::size_t kMostRanks = 16;
constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

}  // namespace

// Makes the tables of a pattern. One use.
class RegexAutomatonBuilder {
 public:
  RegexAutomatonBuilder(RegexPositions pattern, std::size_t groups) : pattern_(std::move(pattern)) {
    made_.groups_ = groups;
    // Where every text begins, before all positions.
    start_ = static_cast<std::uint32_t>(pattern_.bytes.size());
    pattern_.follows.push_back(pattern_.first);
    ends_.resize(pattern_.follows.size());
    for (const Step& one : pattern_.last) {
      if (!ends_[one.position]) ends_[one.position] = one.marks;
    }
    if (pattern_.nullable) ends_[start_] = pattern_.empty;
  }

  std::optional<RegexAutomaton> build() {
    find_classes();
    made_.moves_.push_back({{}, true});
    made_.states_.resize(kStart);
    state_of({start_});
    for (std::size_t state = kStart; state < made_.states_.size(); ++state) {
      const std::vector<std::uint32_t> ranks = ranks_[state - kStart];
      if (ranks.size() > kMostRanks || made_.states_.size() > kMostStates) return std::nullopt;
      if (made_.states_.size() * made_.classes_ > kMostCells) return std::nullopt;
      Bytes loops;
      made_.cells_.resize((state + 1) * made_.classes_);
      for (std::size_t c = 0; c < made_.classes_; ++c) {
        const RegexAutomaton::Cell cell = step(ranks, bytes_of_[c]);
        made_.cells_[state * made_.classes_ + c] = cell;
        if (cell.next == state && cell.moves == 0) loops |= bytes_of_[c];
      }
      if (loops.any()) made_.states_[state].run = run_of(loops);
      for (std::size_t rank = ranks.size(); rank-- > 0;) {
        if (!ends_[ranks[rank]]) continue;
        made_.states_[state].ends = true;
        made_.states_[state].end = {static_cast<std::uint8_t>(rank), *ends_[ranks[rank]]};
      }
    }
    return std::move(made_);
  }

 private:
  // Bytes that all positions take alike.
  void find_classes() {
    std::map<std::vector<bool>, std::size_t> known;
    for (std::size_t c = 0; c < 256; ++c) {
      std::vector<bool> takers;
      for (const Bytes& one : pattern_.bytes) takers.push_back(one.test(c));
      const std::size_t number = known.emplace(std::move(takers), known.size()).first->second;
      bytes_of_.resize(known.size());
      bytes_of_[number].set(c);
      made_.class_of_[c] = static_cast<std::uint8_t>(number);
    }
    made_.classes_ = known.size();
  }

  std::uint16_t state_of(const std::vector<std::uint32_t>& ranks) {
    const auto [found, fresh] = numbers_.emplace(ranks, static_cast<std::uint16_t>(made_.states_.size()));
    if (fresh) {
      made_.states_.emplace_back();
      ranks_.push_back(ranks);
    }
    return found->second;
  }

  // Over any of the bytes of a class.
  RegexAutomaton::Cell step(const std::vector<std::uint32_t>& ranks, const Bytes& bytes) {
    std::vector<std::uint32_t> next;
    RegexAutomaton::Moves moves{{}, true};
    bool stay = true;
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
      for (const Step& one : pattern_.follows[ranks[rank]]) {
        if ((pattern_.bytes[one.position] & bytes).none()) continue;
        if (std::ranges::find(next, one.position) != next.end()) continue;
        moves.in_place = moves.in_place && rank == next.size();
        stay = stay && one.marks == 0;
        moves.all.push_back({static_cast<std::uint8_t>(rank), one.marks});
        next.push_back(one.position);
      }
    }
    if (next.empty()) return {};
    if (moves.in_place && stay) return {state_of(next), 0};
    const auto known = std::ranges::find(made_.moves_, moves);
    const auto number = static_cast<std::uint16_t>(known - made_.moves_.begin());
    if (known == made_.moves_.end()) made_.moves_.push_back(std::move(moves));
    return {state_of(next), number};
  }

  static RegexAutomaton::Run run_of(const Bytes& bytes) {
    using Run = RegexAutomaton::Run;
    Run run;
    const std::size_t ending = 256 - bytes.count();
    if (ending <= std::size(run.bytes)) {
      run.kind = Run::Kind::until;
      for (std::size_t c = 0; c < 256; ++c) {
        if (!bytes.test(c)) run.bytes[run.count++] = static_cast<unsigned char>(c);
      }
      return run;
    }
    std::size_t low = 0;
    while (!bytes.test(low)) ++low;
    const std::size_t high = low + bytes.count() - 1;
    for (std::size_t c = low; c <= high; ++c) {
      if (c > 255 || !bytes.test(c)) return run;
    }
    run.kind = Run::Kind::range;
    run.count = 2;
    run.bytes[0] = static_cast<unsigned char>(low);
    run.bytes[1] = static_cast<unsigned char>(high);
    return run;
  }

  RegexPositions pattern_;
  std::uint32_t start_ = 0;
  std::vector<std::optional<std::uint64_t>> ends_;  // marks behind positions that may be the last
  RegexAutomaton made_;
  std::vector<Bytes> bytes_of_;                    // of each class
  std::vector<std::vector<std::uint32_t>> ranks_;  // of each state, from kStart on
  std::map<std::vector<std::uint32_t>, std::uint16_t> numbers_;
};

std::optional<RegexAutomaton> RegexAutomaton::compile(std::string_view pattern, std::span<const int> groups) {
  auto positions = read_positions(pattern, groups);
  if (!positions) return std::nullopt;
  return RegexAutomatonBuilder(*std::move(positions), groups.size()).build();
}

std::size_t RegexAutomaton::run_end(const Run& run, std::string_view text, std::size_t at) {
#if defined(__SSE2__)
  const auto all = [](unsigned char c) { return _mm_set1_epi8(static_cast<char>(c)); };
  const auto first_of = [&](auto&& ending) {
    for (; at < text.size(); at += 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
      const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(ending(bytes)));
      if (mask != 0) return std::min(at + static_cast<std::size_t>(std::countr_zero(mask)), text.size());
    }
    return text.size();
  };
  if (run.kind == Run::Kind::range) {
    const __m128i low = all(run.bytes[0]);
    const __m128i width = all(static_cast<unsigned char>(run.bytes[1] - run.bytes[0]));
    return first_of([&](__m128i bytes) {
      const __m128i above = _mm_sub_epi8(bytes, low);
      // Those that the smaller of both is not.
      return _mm_xor_si128(_mm_cmpeq_epi8(_mm_min_epu8(above, width), above), _mm_set1_epi8(-1));
    });
  }
  if (run.count == 1) return first_of([&](__m128i bytes) { return _mm_cmpeq_epi8(bytes, all(run.bytes[0])); });
  return first_of([&](__m128i bytes) {
    __m128i found = _mm_setzero_si128();
    for (unsigned i = 0; i < run.count; ++i) found = _mm_or_si128(found, _mm_cmpeq_epi8(bytes, all(run.bytes[i])));
    return found;
  });
#else
  const auto goes_on = [&](unsigned char c) {
    if (run.kind == Run::Kind::range) return c >= run.bytes[0] && c <= run.bytes[1];
    return std::find(run.bytes, run.bytes + run.count, c) == run.bytes + run.count;
  };
  while (at < text.size() && goes_on(static_cast<unsigned char>(text[at]))) ++at;
  return at;
#endif
}

bool RegexAutomaton::match(std::string_view text, std::string_view* found) const {
  // Where the positions of the state noted the groups' ends, rank by rank; and room for those of the next one.
  std::uint32_t places[2][kMostRanks * 64];
  std::uint32_t* now = places[0];
  std::uint32_t* then = places[1];
  const std::size_t width = 2 * groups_;
  std::fill_n(now, width, kNowhere);
  const auto note = [](std::uint64_t marks, std::uint32_t* into, std::size_t at) {
    for (; marks != 0; marks &= marks - 1) into[std::countr_zero(marks)] = static_cast<std::uint32_t>(at);
  };
  std::size_t state = kStart;
  std::size_t at = 0;
  for (;;) {
    if (const Run& run = states_[state].run; run.kind != Run::Kind::none) at = run_end(run, text, at);
    if (at >= text.size()) break;
    const Cell cell = cells_[state * classes_ + class_of_[static_cast<unsigned char>(text[at])]];
    if (cell.next == 0) return false;
    if (cell.moves != 0) {
      const Moves& moves = moves_[cell.moves];
      if (!moves.in_place) {
        for (std::size_t i = 0; i < moves.all.size(); ++i) {
          std::copy_n(now + moves.all[i].from * width, width, then + i * width);
        }
        std::swap(now, then);
      }
      for (std::size_t i = 0; i < moves.all.size(); ++i) note(moves.all[i].marks, now + i * width, at);
    }
    state = cell.next;
    ++at;
  }
  if (!states_[state].ends) return false;
  now += states_[state].end.from * width;
  note(states_[state].end.marks, now, text.size());
  for (std::size_t g = 0; g < groups_; ++g) {
    const std::uint32_t begin = now[2 * g];
    found[g] = begin == kNowhere ? std::string_view() : text.substr(begin, now[2 * g + 1] - begin);
  }
  return true;
}

}  // namespace streamrun
