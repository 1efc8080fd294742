// Whole-line matches with submatches at the speed of a table: a byte is a step, and long runs of a set are passed over
// by vectors. A search with submatches, which can take any pattern, is some ten times as slow.
//
// A state is the positions of the pattern (regex_positions.h) that a text may have come to, the preferred first, as
// in an ordered simulation; the tables are made of all such states (a tagged automaton). What its positions noted on
// their ways stands beside them, and moves only where the ways part or meet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace streamrun {

class RegexAutomaton {
 public:
  // As read_positions(). Nothing: the pattern has what is not known there, or needs too large a table.
  static std::optional<RegexAutomaton> compile(std::string_view pattern, std::span<const int> groups);

  // Whether the whole of a UTF-8 text matches, in the way that Perl and RE2 prefer; reads up to 16 bytes behind it.
  // `found`: of the wanted groups in their order, a null data() where one took no part.
  bool match(std::string_view text, std::string_view* found) const;

 private:
  friend class RegexAutomatonBuilder;

  struct Cell {
    std::uint16_t next = 0;   // 0: no match
    std::uint16_t moves = 0;  // into moves_, 0: all stay as they are
  };
  // Where a position comes from, by its rank in the state before, and what is noted on the way.
  struct Move {
    std::uint8_t from = 0;
    std::uint64_t marks = 0;
    friend bool operator==(const Move&, const Move&) = default;
  };
  struct Moves {
    std::vector<Move> all;  // of the positions of the next state
    bool in_place = false;  // each comes from its own rank
    friend bool operator==(const Moves&, const Moves&) = default;
  };
  // What a state that loops on itself goes on over, many bytes at a time.
  struct Run {
    enum class Kind : std::uint8_t { none, until, range } kind = Kind::none;
    std::uint8_t count = 0;
    unsigned char bytes[6] = {};  // those that end it; or the first and the last of those that do not
  };
  struct State {
    Run run;
    bool ends = false;  // here the text may end,
    Move end;           // with what this position noted
  };

  static std::size_t run_end(const Run& run, std::string_view text, std::size_t at);

  std::size_t groups_ = 0;
  std::size_t classes_ = 0;
  std::uint8_t class_of_[256] = {};
  std::vector<Cell> cells_;  // of each state and class
  std::vector<State> states_;
  std::vector<Moves> moves_;
};

}  // namespace streamrun
