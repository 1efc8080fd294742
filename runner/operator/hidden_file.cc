#include "runner/operator/hidden_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <functional>
#include <utility>
#include <vector>

namespace streamrun {
namespace {

// A long name is cut, and told from others by its hash.
std::string hidden_name(const std::string& name) {
  constexpr std::size_t kLongest = 220;
  if (name.size() <= kLongest) return fmt::format(".{}.tmp-{}", name, ::getpid());
  return fmt::format(".{}-{:x}.tmp-{}", name.substr(0, kLongest - 20), std::hash<std::string>{}(name), ::getpid());
}

}  // namespace

HiddenFile::HiddenFile(const FileRules& rules, FilePlace place)
    : rules_(rules),
      place_(std::move(place)),
      hidden_(hidden_name(place_.name)),
      writer_(rules.compression, place_.path()) {}

Result<> HiddenFile::add(std::string_view bytes) {
  if (auto opened = open(); !opened) return opened;
  return writer_.add(bytes);
}

Result<> HiddenFile::open() {
  if (writer_.is_open()) return {};
  if (!begun_) return begin();
  auto opened = place_.folder->open_to_append(hidden_, rules_.mode);
  if (!opened) return pass_on(opened);
  writer_.open(std::move(*opened), writer_.size());
  return {};
}

Result<> HiddenFile::begin() {
  const auto there = place_.folder->has_file(place_.name);
  if (!there) return pass_on(there);
  if (*there && rules_.exists == Exists::fail) return place_.exists_failure();
  auto made = place_.folder->create(hidden_, rules_.mode);
  if (!made) return pass_on(made);
  begun_ = true;
  if (!*there || rules_.exists != Exists::append) {
    writer_.open(std::move(*made), 0);
    return rules_.header.empty() ? Result<>{} : writer_.add(rules_.header);
  }
  // What is there stays in front, so that even an appended file changes all at once.
  auto old = place_.folder->open_to_read(place_.name);
  if (!old) return pass_on(old);
  const auto copied = copy_all(old->get(), made->get(), place_.path());
  if (!copied) return pass_on(copied);
  writer_.open(std::move(*made), *copied);
  return {};
}

Result<> HiddenFile::complete() {
  if (complete_) return {};
  if (auto opened = open(); !opened) return opened;
  if (auto finished = writer_.finish(); !finished) return finished;
  complete_ = true;
  return {};
}

Result<> HiddenFile::reveal() {
  if (visible_) return {};
  auto renamed = place_.folder->rename(hidden_, place_.name, rules_.exists == Exists::fail);
  visible_ = renamed.has_value();
  return renamed;
}

void HiddenFile::discard() {
  writer_.open(FileDescriptor(), 0);
  if (begun_ && !visible_) place_.folder->remove(hidden_);
}

}  // namespace streamrun
