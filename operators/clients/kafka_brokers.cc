#include "operators/clients/kafka_brokers.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

namespace streamrun {
namespace {

std::optional<std::string> fault_of_port(std::string_view broker, std::string_view port) {
  std::uint32_t number = 0;
  const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool digits = !port.empty() && std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return fmt::format("'{}': '{}' is no port", broker, port);
  if (fault != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535) {
    return fmt::format("'{}': there is no port {}, they go from 1 to 65535", broker, port);
  }
  return std::nullopt;
}

// Of `host`, `host:port`, `[address]:port`, with the name of a listener's protocol before it, as Java's clients show
// it.
std::optional<std::string> fault_of_broker(std::string_view broker) {
  std::string_view address = broker;
  if (const std::size_t scheme = broker.find("://"); scheme != std::string_view::npos) {
    return fmt::format("'{}': a broker is no URL; take '{}://' away{}", broker, broker.substr(0, scheme),
                       broker.starts_with("http") || broker.starts_with("kafka")
                           ? std::string()
                           : ", and set security.protocol in `client`");
  }
  for (const char c : broker) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        std::string_view("-._:[]%").find(c) == std::string_view::npos) {
      return c == ' ' || c == '\t' ? fmt::format("'{}' holds a blank", broker)
                                   : fmt::format("'{}': '{}' stands in no address", broker, c);
    }
  }
  if (address.starts_with('[')) {
    const std::size_t end = address.find(']');
    in6_addr parsed{};
    const std::string within(address.substr(1, end == std::string_view::npos ? 0 : end - 1));
    if (::inet_pton(AF_INET6, within.substr(0, within.find('%')).c_str(), &parsed) != 1) {
      return fmt::format("'{}': what stands in brackets is no IPv6 address", broker);
    }
    address.remove_prefix(end + 1);
    if (address.empty()) return std::nullopt;
    if (address.front() != ':') return fmt::format("'{}': behind the bracket a port follows", broker);
    return fault_of_port(broker, address.substr(1));
  }
  const std::size_t colon = address.find(':');
  if (address.substr(0, colon).empty()) return fmt::format("'{}' has no host", broker);
  if (address.find_first_of("[]") != std::string_view::npos) return fmt::format("'{}' has a bracket too many", broker);
  if (colon == std::string_view::npos) return std::nullopt;
  if (address.find(':', colon + 1) != std::string_view::npos) {
    return fmt::format("'{}' has more than one ':'; an IPv6 address stands in brackets", broker);
  }
  return fault_of_port(broker, address.substr(colon + 1));
}

}  // namespace

std::optional<std::string> fault_of_brokers(std::string_view brokers) {
  if (brokers.empty()) return "`brokers` is empty";
  while (true) {
    const std::size_t comma = std::min(brokers.find(','), brokers.size());
    std::string_view one = brokers.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one.empty()) return "a broker is missing before or behind a comma";
    if (auto fault = fault_of_broker(one)) return fault;
    if (comma == brokers.size()) return std::nullopt;
    brokers.remove_prefix(comma + 1);
  }
}

}  // namespace streamrun
