#include "runner/data/regex_positions.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

namespace streamrun {
namespace {

using Bytes = RegexPositions::Bytes;
using Step = RegexPositions::Step;

constexpr std::size_t kMostPositions = 1000;
constexpr std::size_t kMostSteps = 20'000;

// A part of the pattern.
struct Part {
  bool nullable = true;
  std::uint64_t empty = 0;  // marks of the empty match
  std::vector<Step> first;
  std::vector<Step> last;
};

// Reads a pattern and puts its positions together. One use.
class Reader {
 public:
  Reader(std::string_view pattern, std::span<const int> groups) : pattern_(pattern), groups_(groups) {}

  std::optional<RegexPositions> read() {
    if (take('^')) at_ = 1;
    if (pattern_.ends_with('$') && !pattern_.ends_with("\\$")) pattern_.remove_suffix(1);
    Part whole = alternatives();
    if (refused_ || at_ != pattern_.size()) return std::nullopt;
    return RegexPositions{std::move(positions_), std::move(follows_),    whole.nullable,
                          whole.empty,           std::move(whole.first), std::move(whole.last)};
  }

 private:
  // A set of characters: of ASCII each its own, the others all or none.
  struct Set {
    Bytes ascii;
    bool others = false;
  };

  Part refuse() {
    refused_ = true;
    return {};
  }
  bool more() const { return !refused_ && at_ < pattern_.size(); }
  bool take(char c) {
    if (at_ >= pattern_.size() || pattern_[at_] != c) return false;
    ++at_;
    return true;
  }

  Part alternatives() {
    Part all = sequence();
    while (more() && take('|')) {
      const Part one = sequence();
      // What is empty must be the last choice.
      if (all.nullable) return refuse();
      all.empty = one.empty;
      all.nullable = all.nullable || one.nullable;
      all.first.insert(all.first.end(), one.first.begin(), one.first.end());
      all.last.insert(all.last.end(), one.last.begin(), one.last.end());
    }
    return all;
  }

  Part sequence() {
    Part all;
    while (more() && pattern_[at_] != '|' && pattern_[at_] != ')') all = join(all, repeated());
    return all;
  }

  Part join(const Part& left, const Part& right) {
    for (const Step& from : left.last) {
      for (const Step& to : right.first) follow(from, to);
    }
    Part both;
    both.nullable = left.nullable && right.nullable;
    if (both.nullable) both.empty = left.empty | right.empty;
    both.first = left.first;
    both.last = right.last;
    for (Step one : right.first) {
      if (left.nullable) both.first.push_back({one.position, one.marks | left.empty});
    }
    for (Step one : left.last) {
      if (right.nullable) both.last.push_back({one.position, one.marks | right.empty});
    }
    return both;
  }

  void follow(const Step& from, const Step& to) {
    if (++steps_ > kMostSteps) {
      refused_ = true;
      return;
    }
    follows_[from.position].push_back({to.position, from.marks | to.marks});
  }

  // An atom and the sign of repetition behind it.
  Part repeated() {
    const std::size_t begin = at_;
    const int group = group_number_;
    several_bytes_ = false;
    Part one = atom();
    if (!more()) return one;
    unsigned least = 1;
    unsigned most = 1;
    if (take('*')) {
      least = 0;
      most = kEver;
    } else if (take('+')) {
      most = kEver;
    } else if (take('?')) {
      least = 0;
    } else if (pattern_[at_] == '{') {
      if (!read_bounds(least, most)) return refuse();
    } else {
      return one;
    }
    if (more() && std::string_view("*+?{").find(pattern_[at_]) != std::string_view::npos) return refuse();
    if (one.nullable || most == 0) return refuse();
    const std::size_t end = at_;
    if (most == kEver && least < 2) {
      loop(one);
      one.nullable = least == 0;
      return one;
    }
    // Copies, each read anew: x{2,4} is xx(x(x)?)?, and x{2,} is xx+.
    Part all = one;
    std::vector<Part> tails;
    for (unsigned i = 1; more_copies(i, least, most); ++i) {
      if (refused_) return {};
      at_ = begin;
      group_number_ = group;
      Part copy = atom();
      if (most == kEver && i + 1 == least) loop(copy);
      if (i < least) {
        all = join(all, copy);
      } else {
        tails.push_back(std::move(copy));
      }
    }
    at_ = end;
    return with_tails(std::move(all), tails, least == 0);
  }
  static bool more_copies(unsigned i, unsigned least, unsigned most) { return i < (most == kEver ? least : most); }

  // The copies that may be left out, from the last one on.
  Part with_tails(Part all, const std::vector<Part>& tails, bool optional) {
    Part tail;
    for (std::size_t i = tails.size(); i-- > 0;) {
      tail = join(tails[i], tail);
      tail.nullable = true;
      tail.empty = 0;
    }
    all = join(all, tail);
    if (optional) all.nullable = true;
    return all;
  }

  void loop(const Part& one) {
    // The position of what follows a first byte goes on over all characters of the set.
    if (several_bytes_) {
      positions_[one.last[1].position] |= positions_[one.last[0].position];
      return;
    }
    for (const Step& from : one.last) {
      for (const Step& to : one.first) follow(from, to);
    }
  }

  bool read_bounds(unsigned& least, unsigned& most) {
    const std::size_t end = pattern_.find('}', at_);
    if (end == std::string_view::npos) return false;
    const char* p = pattern_.data() + at_ + 1;
    const char* const last = pattern_.data() + end;
    const auto low = std::from_chars(p, last, least);
    if (low.ec != std::errc{}) return false;
    most = least;
    if (low.ptr != last) {
      if (*low.ptr != ',') return false;
      most = kEver;
      if (low.ptr + 1 != last) {
        const auto high = std::from_chars(low.ptr + 1, last, most);
        if (high.ec != std::errc{} || high.ptr != last) return false;
      }
    }
    at_ = end + 1;
    return most >= least && (most == kEver || most <= kMostPositions);
  }

  Part atom() {
    const char c = pattern_[at_];
    Set set;
    if (c == '(') return group();
    if (c == '[') return read_class(set) ? characters(set) : refuse();
    if (c == '.') {
      ++at_;
      set.ascii = ascii();
      set.ascii.reset('\n');
      set.others = true;
      return characters(set);
    }
    if (c == '\\') return read_escape(set) ? characters(set) : refuse();
    if (std::string_view("^$*+?{").find(c) != std::string_view::npos) return refuse();
    return literal();
  }

  Part group() {
    ++at_;
    int number = 0;
    if (!take('?')) {
      number = ++group_number_;
    } else if (pattern_.substr(at_).starts_with("P<")) {
      number = ++group_number_;
      at_ = pattern_.find('>', at_) + 1;
    } else if (!take(':')) {
      return refuse();
    }
    Part one = alternatives();
    if (refused_ || !take(')')) return refuse();
    several_bytes_ = false;
    const auto wanted = std::find(groups_.begin(), groups_.end(), number);
    if (number == 0 || wanted == groups_.end()) return one;
    const auto bit = 2 * static_cast<unsigned>(wanted - groups_.begin());
    const std::uint64_t begin = std::uint64_t{1} << bit;
    const std::uint64_t end = std::uint64_t{2} << bit;
    for (Step& step : one.first) step.marks |= begin;
    for (Step& step : one.last) step.marks |= end;
    if (one.nullable) one.empty |= begin | end;
    return one;
  }

  // One character, of as many bytes as it has.
  Part literal() {
    Part all;
    do {
      Bytes byte;
      byte.set(static_cast<unsigned char>(pattern_[at_]));
      all = join(all, position(byte));
      ++at_;
    } while (at_ < pattern_.size() && (static_cast<unsigned char>(pattern_[at_]) & 0xC0U) == 0x80U);
    return all;
  }

  static Bytes ascii() {
    Bytes all;
    for (std::size_t c = 0; c < 0x80; ++c) all.set(c);
    return all;
  }

  // \d, a sign that means itself, a control character.
  bool read_escape(Set& set) {
    if (at_ + 1 >= pattern_.size()) return false;
    const char c = pattern_[at_ + 1];
    at_ += 2;
    constexpr std::string_view kControls = "t\tn\nr\rf\f";
    Bytes named;
    for (int i = 0; i < 0x80; ++i) {
      const bool digit = i >= '0' && i <= '9';
      const bool letter = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
      const bool blank = i == ' ' || i == '\t' || i == '\n' || i == '\r' || i == '\f';
      switch (std::tolower(c)) {
        case 'd': named.set(static_cast<std::size_t>(i), digit); break;
        case 'w': named.set(static_cast<std::size_t>(i), digit || letter || i == '_'); break;
        case 's': named.set(static_cast<std::size_t>(i), blank); break;
        default: break;
      }
    }
    if (named.any()) {
      const bool negated = c < 'a';
      set.ascii |= negated ? ascii() & ~named : named;
      set.others = set.others || negated;
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x80 && std::ispunct(static_cast<unsigned char>(c)) != 0 && c != '_') {
      set.ascii.set(static_cast<unsigned char>(c));
      return true;
    }
    for (std::size_t i = 0; i < kControls.size(); i += 2) {
      if (kControls[i] != c) continue;
      set.ascii.set(static_cast<unsigned char>(kControls[i + 1]));
      return true;
    }
    return false;
  }

  bool read_class(Set& set) {
    ++at_;
    const bool negated = take('^');
    for (bool any = false; at_ < pattern_.size(); any = true) {
      const char c = pattern_[at_];
      if (c == ']' && any) {
        ++at_;
        if (!negated) return true;
        set.ascii = ascii() & ~set.ascii;
        set.others = !set.others;
        return true;
      }
      if (static_cast<unsigned char>(c) >= 0x80 || pattern_.substr(at_).starts_with("[:")) return false;
      Set low;
      if (c == '\\') {
        if (!read_escape(low)) return false;
      } else {
        ++at_;
        low.ascii.set(static_cast<unsigned char>(c));
      }
      const bool range = at_ + 1 < pattern_.size() && pattern_[at_] == '-' && pattern_[at_ + 1] != ']';
      if (range) {
        const char high = pattern_[at_ + 1];
        if (low.ascii.count() != 1 || high == '\\' || high == '[' || static_cast<unsigned char>(high) >= 0x80)
          return false;
        std::size_t from = 0;
        while (!low.ascii.test(from)) ++from;
        for (std::size_t i = from; i <= static_cast<unsigned char>(high); ++i) low.ascii.set(i);
        at_ += 2;
      }
      set.ascii |= low.ascii;
      set.others = set.others || low.others;
    }
    return false;
  }

  // One character of a set; those that are not ASCII are told by their first byte.
  Part characters(const Set& set) {
    Bytes bytes = set.ascii;
    if (!set.others) return position(bytes);
    for (std::size_t c = 0xC0; c < 256; ++c) bytes.set(c);
    Part one = position(bytes);
    Bytes rest;
    for (std::size_t c = 0x80; c < 0xC0; ++c) rest.set(c);
    const Part behind = position(rest);
    if (refused_) return {};
    follow(one.first[0], behind.first[0]);
    follow(behind.first[0], behind.first[0]);
    one.last.push_back(behind.first[0]);
    several_bytes_ = true;
    return one;
  }

  Part position(const Bytes& bytes) {
    if (positions_.size() >= kMostPositions || bytes.none()) return refuse();
    const auto number = static_cast<std::uint32_t>(positions_.size());
    positions_.push_back(bytes);
    follows_.emplace_back();
    return {false, 0, {{number, 0}}, {{number, 0}}};
  }

  static constexpr unsigned kEver = ~0U;

  std::string_view pattern_;
  std::span<const int> groups_;
  std::size_t at_ = 0;
  int group_number_ = 0;
  bool refused_ = false;
  std::size_t steps_ = 0;
  bool several_bytes_ = false;  // the atom that was read last is a set with characters of several bytes
  std::vector<Bytes> positions_;
  std::vector<std::vector<Step>> follows_;
};

}  // namespace

std::optional<RegexPositions> read_positions(std::string_view pattern, std::span<const int> groups) {
  if (groups.size() > 32) return std::nullopt;
  return Reader(pattern, groups).read();
}

}  // namespace streamrun
