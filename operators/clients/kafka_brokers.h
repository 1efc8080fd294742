// What `brokers` says, as far as it can be judged without a network.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace streamrun {

// What is wrong with a list of host, host:port and [address]:port, with commas between.
std::optional<std::string> fault_of_brokers(std::string_view brokers);

}  // namespace streamrun
