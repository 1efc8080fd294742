#include "runner/cli/run_reporter.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace streamrun {
namespace {

// More often nobody can read it.
constexpr std::chrono::milliseconds kRedraw{100};

std::string_view level_name(LogLevel level) {
  constexpr std::string_view kNames[] = {"info", "warning", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

// `1,234,567`.
std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::uint64_t per_second(std::uint64_t records, std::chrono::duration<double> time) {
  return time.count() > 0 ? static_cast<std::uint64_t>(static_cast<double>(records) / time.count()) : 0;
}

std::string log_line(LogLevel level, const std::string& text, bool json) {
  if (json) {
    const nlohmann::ordered_json line = {
        {"time", format_batch_time(SystemClock().now())}, {"level", level_name(level)}, {"message", text}};
    return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  return level == LogLevel::info ? text : fmt::format("{}: {}", level_name(level), text);
}

// A longer line would wrap, and what wraps cannot be redrawn.
std::string fitting(std::string line) {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) {
    line.resize(std::min<std::size_t>(line.size(), size.ws_col - 1U));
  }
  return line;
}

std::string summary(const RunReport& report, std::chrono::duration<double> time) {
  std::uint64_t records = 0;
  for (const EndpointCounts& source : report.sources) records += source.rows;
  std::string out = fmt::format("{} {} in {:.2f} s, {} records/s, {} rejected\n", grouped(report.batches),
                                report.batches == 1 ? "batch" : "batches", time.count(),
                                grouped(per_second(records, time)), grouped(report.rejected));
  std::size_t name_width = 0;
  std::size_t count_width = 0;
  for (const auto* all : {&report.sources, &report.outputs}) {
    for (const EndpointCounts& one : *all) {
      name_width = std::max(name_width, one.name.size());
      count_width = std::max(count_width, grouped(one.rows).size());
    }
  }
  const auto add = [&](std::string_view way, const std::vector<EndpointCounts>& all) {
    for (const EndpointCounts& one : all) {
      out += fmt::format("  {}  {:<{}}  {:>{}}\n", way, one.name, name_width, grouped(one.rows), count_width);
    }
  };
  add("in ", report.sources);
  add("out", report.outputs);
  return out;
}

}  // namespace

RunReporter::RunReporter(Settings settings, Secrets secrets, const Console& console)
    : settings_(settings), secrets_(std::move(secrets)), console_(console), started_(std::chrono::steady_clock::now()) {
  drawn_ = started_ - kRedraw;
}

void RunReporter::clear_line() {
  if (shown_) console_.say("\r\033[K");
  shown_ = false;
}

void RunReporter::log(LogLevel level, const std::string& text) {
  if (settings_.quiet && level == LogLevel::info) return;
  const std::string line = log_line(level, shown_text(secrets_.without(text)), settings_.json);
  const std::lock_guard lock(mutex_);
  clear_line();
  console_.say("{}\n", line);
}

void RunReporter::batch_done(const BatchProgress& batch) {
  if (!settings_.progress) return;
  records_ += batch.records_in;
  const Time now = std::chrono::steady_clock::now();
  if (now - drawn_ < kRedraw) return;
  const Time since = drawn_ < started_ ? started_ : drawn_;
  const std::string line = fitting(fmt::format("batch {}  {} records/s  delay {} ms", format_batch_time(batch.batch),
                                               grouped(per_second(records_, now - since)),
                                               grouped(static_cast<std::uint64_t>(batch.delay.count()))));
  const std::lock_guard lock(mutex_);
  console_.say("\r\033[K{}", line);
  shown_ = true;
  drawn_ = now;
  records_ = 0;
}

void RunReporter::finish(const RunReport& report) {
  if (report.failure) log(LogLevel::error, report.failure->message);
  const std::lock_guard lock(mutex_);
  clear_line();
  if (settings_.terminal) console_.say("{}", summary(report, std::chrono::steady_clock::now() - started_));
}

}  // namespace streamrun
