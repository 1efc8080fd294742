// Texts that are nearly right, the same ones in every run: for parsers, which must answer whatever they are given.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace streamrun {

class Mutator {
 public:
  // `pieces`: what is put in beside bytes at random, signs that the parser gives a meaning to.
  Mutator(std::vector<std::string> seeds, std::vector<std::string> pieces)
      : seeds_(std::move(seeds)), pieces_(std::move(pieces)) {}

  std::string next() {
    std::string text = seeds_[below(seeds_.size())];
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(text);
    return text;
  }

 private:
  // The standard fixes the engine's numbers, but not those of its distributions.
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void change(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = below(std::min<std::size_t>(text.size() - at, 8) + 1);
    const std::string& other = seeds_[below(seeds_.size())];
    switch (below(7)) {
      case 0: text.insert(at, pieces_[below(pieces_.size())]); break;
      case 1: text.replace(at, length, pieces_[below(pieces_.size())]); break;
      case 2: text.erase(at, length); break;
      case 3: text.insert(at, text.substr(at, length)); break;
      case 4: text.resize(at); break;
      case 5: text.insert(at, 1, static_cast<char>(below(256))); break;
      default: text.replace(at, std::string::npos, other, below(other.size() + 1)); break;
    }
  }

  std::vector<std::string> seeds_;
  std::vector<std::string> pieces_;
  std::minstd_rand random_{20231};
};

}  // namespace streamrun
