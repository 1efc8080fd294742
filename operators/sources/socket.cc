// Lines from a TCP server.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>

#include "operators/builtin_catalog.h"
#include "operators/sources/fed_source.h"
#include "runner/base/thread.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {
namespace {

// Of one address, until the next one is tried.
constexpr std::chrono::seconds kConnectTimeout{10};
// Seconds of silence until the peer is asked whether it is there, and between questions; how many of those.
constexpr int kKeepaliveIdle = 60;
constexpr int kKeepaliveInterval = 10;
constexpr int kKeepaliveProbes = 6;

struct Server {
  std::string host;
  std::uint32_t port = 0;

  std::string text() const {
    return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
  }
};

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

// In the system's order of preference.
Result<std::vector<Address>> look_up(const Server& server, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &found);
  if (code != 0) return failure(code == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(code));
  std::vector<Address> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Address& address = addresses.emplace_back();
    address.size = std::min<socklen_t>(one->ai_addrlen, sizeof address.bytes);
    std::memcpy(&address.bytes, one->ai_addr, address.size);
  }
  ::freeaddrinfo(found);
  return addresses;
}

// False: `wake` is readable. True: `descriptor` is ready for `events`, or the time is over.
bool wait_for(int descriptor, short events, int wake, std::chrono::milliseconds most, bool& ready) {
  const auto until = std::chrono::steady_clock::now() + most;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd both[2] = {{descriptor, events, 0}, {wake, POLLIN, 0}};
    const auto timeout = std::clamp<std::int64_t>(left.count(), 0, 3'600'000);
    ::poll(both, 2, static_cast<int>(timeout));
    if (both[1].revents != 0) return false;
    ready = both[0].revents != 0;
    if (ready || left.count() <= 0) return true;
  }
}

// A look-up of a name cannot be called off: it has a thread of its own, which is left alone where nobody waits for it.
struct LookUp {
  FileDescriptor done{::eventfd(0, EFD_CLOEXEC)};
  std::mutex mutex;
  Result<std::vector<Address>> addresses;
};

// A connection to one's own port, which the system makes where nobody listens and the port is one that it gives out.
bool is_own_end(int connection) {
  Address own;
  Address peer;
  own.size = peer.size = sizeof own.bytes;
  return ::getsockname(connection, reinterpret_cast<sockaddr*>(&own.bytes), &own.size) == 0 &&
         ::getpeername(connection, reinterpret_cast<sockaddr*>(&peer.bytes), &peer.size) == 0 &&
         own.size == peer.size && std::memcmp(&own.bytes, &peer.bytes, own.size) == 0;
}

void keep_alive(int connection) {
  const auto set = [&](int level, int option, int value) {
    static_cast<void>(::setsockopt(connection, level, option, &value, sizeof value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdle);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveInterval);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

// What follows a connection that has ended; the first batch says it.
class AtClose {
 public:
  void say(bool end) {
    if (said_) return;
    end_ = end;
    said_ = true;
    static_cast<void>(::eventfd_write(event_.get(), 1));
  }
  // False: `wake` is readable. `end`: the input has ended, too.
  bool wait(int wake, bool& end) const {
    bool ready = said_;
    while (!ready) {
      if (!wait_for(event_.get(), POLLIN, wake, std::chrono::hours(1), ready)) return false;
    }
    end = end_;
    return true;
  }

 private:
  FileDescriptor event_{::eventfd(0, EFD_CLOEXEC)};
  std::atomic<bool> end_ = false;
  std::atomic<bool> said_ = false;
};

class SocketBytes final : public FeedBytes {
 public:
  SocketBytes(std::string source, Server server, Duration reconnect, std::shared_ptr<const AtClose> at_close,
              std::function<void(LogLevel, const std::string&)> log)
      : source_(std::move(source)),
        server_(std::move(server)),
        reconnect_(reconnect),
        at_close_(std::move(at_close)),
        log_(std::move(log)) {}

  Result<Read> read(char* into, std::size_t size, int wake) override {
    if (!connection_ && !connect(wake)) return Read{Kind::woken};
    for (;;) {
      bool ready = false;
      if (!wait_for(connection_.get(), POLLIN, wake, std::chrono::hours(1), ready)) return Read{Kind::woken};
      if (!ready) continue;
      const ssize_t n = ::recv(connection_.get(), into, size, 0);
      if (n > 0) return Read{Kind::bytes, static_cast<std::size_t>(n)};
      if (n == 0) return close(0, wake);
      if (errno != EAGAIN && errno != EINTR) return close(errno, wake);
    }
  }

 private:
  void say(LogLevel level, const std::string& text) const {
    if (log_) log_(level, fmt::format("source '{}': {}", source_, text));
  }

  // `code`: why it broke; 0: the server has closed it.
  Result<Read> close(int code, int wake) {
    connection_.reset();
    bool end = false;
    if (!at_close_->wait(wake, end)) return Read{Kind::woken};
    if (end && code != 0) return failure(std::strerror(code));
    if (end) return Read{Kind::end};
    again_ = true;
    say(LogLevel::warning,
        fmt::format("{}; connecting again every {}",
                    code == 0 ? fmt::format("{} has closed the connection", server_.text())
                              : fmt::format("the connection to {} broke: {}", server_.text(), std::strerror(code)),
                    format_duration(reconnect_)));
    return Read{Kind::cut};
  }

  // Until it has one. False: `wake` is readable.
  bool connect(int wake) {
    bool wait = again_;  // the server that has just closed one may not be there
    bool said = again_;
    for (;;) {
      bool unused = false;
      if (wait && !wait_for(-1, 0, wake, reconnect_, unused)) return false;
      auto made = try_all(wake);
      if (made && !*made) return false;
      if (made) {
        connection_ = std::move(*made);
        keep_alive(connection_.get());
        if (said) say(LogLevel::info, fmt::format("connected to {}{}", server_.text(), again_ ? " again" : ""));
        return true;
      }
      if (!said) {
        say(LogLevel::warning, fmt::format("cannot connect to {}: {}; trying again every {}", server_.text(),
                                           made.error().message, format_duration(reconnect_)));
      }
      said = wait = true;
    }
  }

  // No descriptor: `wake` is readable.
  Result<FileDescriptor> try_all(int wake) const {
    auto addresses = look_up(server_, AI_NUMERICHOST);
    if (!addresses) {
      bool woken = false;
      addresses = look_up_name(wake, woken);
      if (woken) return FileDescriptor();
    }
    if (!addresses) return pass_on(addresses);
    Result<FileDescriptor> made = failure("it has no address");
    for (const Address& address : *addresses) {
      made = try_one(address, wake);
      if (made) break;
    }
    return made;
  }

  Result<std::vector<Address>> look_up_name(int wake, bool& woken) const {
    auto search = std::make_shared<LookUp>();
    auto thread = start_thread("the look-up of " + server_.host, [search, server = server_] {
      {
        const std::scoped_lock lock(search->mutex);
        search->addresses = look_up(server, 0);
      }
      static_cast<void>(::eventfd_write(search->done.get(), 1));
    });
    if (!thread) return pass_on(thread);
    thread->detach();
    bool ready = false;
    while (!ready && !woken) woken = !wait_for(search->done.get(), POLLIN, wake, std::chrono::hours(1), ready);
    if (woken) return failure("nobody waits for it");
    const std::scoped_lock lock(search->mutex);
    return search->addresses;
  }

  static Result<FileDescriptor> try_one(const Address& address, int wake) {
    FileDescriptor connection(
        ::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!connection) return failure(std::strerror(errno));
    int code = 0;
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) != 0) {
      code = errno;
    }
    if (code == EINPROGRESS) {
      bool ready = false;
      if (!wait_for(connection.get(), POLLOUT, wake, kConnectTimeout, ready)) return FileDescriptor();
      code = ETIMEDOUT;
      socklen_t size = sizeof code;
      if (ready) ::getsockopt(connection.get(), SOL_SOCKET, SO_ERROR, &code, &size);
    }
    if (code == 0 && is_own_end(connection.get())) code = ECONNREFUSED;
    if (code != 0) return failure(std::strerror(code));
    return connection;
  }

  const std::string source_;
  const Server server_;
  const Duration reconnect_;
  const std::shared_ptr<const AtClose> at_close_;
  const std::function<void(LogLevel, const std::string&)> log_;
  FileDescriptor connection_;
  bool again_ = false;  // there was one before
};

class SocketSource final : public FedSource {
 public:
  SocketSource(const Environment& environment, const RecordFraming& framing, Duration interval, const Server& server,
               std::unique_ptr<FeedBytes> bytes, std::shared_ptr<AtClose> at_close)
      : FedSource(environment, framing, interval, std::make_shared<const std::string>("socket:" + server.text()),
                  std::make_shared<ByteFeed>(std::move(bytes), server.text(), framing)),
        at_close_(std::move(at_close)) {}

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime batch) override {
    at_close_->say(limits.available_now);
    return FedSource::plan(from, limits, batch);
  }

 private:
  std::shared_ptr<AtClose> at_close_;
};

struct SocketOptions {
  Located<std::string> host;
  std::uint32_t port = 0;
  Duration reconnect{1000};
};

// What is wrong with it, as far as it can be judged without a network.
std::string fault_of_host(const std::string& host) {
  if (host.empty()) return "`host` is empty; it is a name or an address";
  if (const std::size_t scheme = host.find("://"); scheme != std::string::npos) {
    return fmt::format("'{}' is a URL; take '{}' away", host, host.substr(0, scheme + 3));
  }
  if (host.find_first_of("[]") != std::string::npos) {
    return fmt::format("'{}': an IPv6 address stands without brackets here", host);
  }
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '@') {
      return c == ' ' ? fmt::format("'{}' holds a blank", host)
                      : fmt::format("'{}' is neither a name nor an address", host);
    }
  }
  in6_addr parsed{};
  if (host.find(':') != std::string::npos &&
      ::inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &parsed) != 1) {
    return fmt::format("'{}' is neither a name nor an IPv6 address; the port stands in `port`", host);
  }
  return {};
}

std::optional<BoundSource> bind(const SocketOptions& options, SourceBindContext& context) {
  if (std::string fault = fault_of_host(options.host.value); !fault.empty()) {
    context.diagnostics.error("bad-option", options.host.span, std::move(fault));
    return std::nullopt;
  }
  const Server server{options.host.value, options.port};
  BoundSource bound;
  bound.can_read_again = false;
  bound.detail = server.text();
  bound.open = [server, source = context.name, reconnect = options.reconnect, interval = context.batch_interval,
                framing = context.framing](const Environment& environment) -> std::unique_ptr<Source> {
    auto at_close = std::make_shared<AtClose>();
    auto bytes = std::make_unique<SocketBytes>(source, server, reconnect, at_close, environment.log);
    return std::make_unique<SocketSource>(environment, framing, interval, server, std::move(bytes), at_close);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_socket_source() {
  return describe_connector<SocketOptions>(
      "socket", "lines from a TCP server", "socket: {host: localhost, port: 9999}\nformat: text", true,
      Options<SocketOptions>{}
          .required("host", &SocketOptions::host, "the server: a name, or an IPv4 or IPv6 address")
          .required("port", &SocketOptions::port, "its port", {1, 65535})
          .optional("reconnect", &SocketOptions::reconnect, "1s",
                    "time between tries to connect, when a connection has ended or there is none yet. What it leaves "
                    "without an end is a record; with --available-now the input ends with it")
          .table(),
      &bind);
}

}  // namespace streamrun
