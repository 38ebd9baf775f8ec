// SPDX-License-Identifier: Apache-2.0
// Many TCP connections that end in different ways, and the truth about each: which two sockets were
// its ends, one line in a file.
//
//   names_workload --connections N --workers W --listen ADDRESS --connect ADDRESS --port PORT
//                  --source-ports K --server-netns PATH --client-netns PATH --seed S --truth FILE
//
// Worker i listens on PORT + i. Its client uses K source ports again and again. A line of truth,
// written by the server, which was told the client's cookie over the connection:
//
//   client_cookie server_cookie how_it_ends client_port
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::uint16_t kFirstSourcePort = 20'000;
constexpr timeval kPatience{60, 0};

enum class End : std::uint32_t {
  kClientFirst,
  kServerFirst,
  kClientResets,
  kServerResets,
  kClientHalfCloses,  // the server sends after that
  kServerHalfCloses,  // the client sends after that
  kBothAtOnce,
  kServerLeavesDataUnread,
  kBothReset,
  kCount,
};
constexpr std::array<const char*, static_cast<std::size_t>(End::kCount)> kNames{
    "client_first",  "server_first",       "client_resets",
    "server_resets", "client_half_closes", "server_half_closes",
    "both_at_once",  "server_leaves_data", "both_reset"};

struct Settings {
  std::uint32_t connections = 1000;
  std::uint32_t workers = 2;
  std::string listen = "127.0.0.1";
  std::string connect = "127.0.0.1";
  std::uint16_t port = 9000;
  std::uint16_t source_ports = 500;
  std::string server_netns;
  std::string client_netns;
  std::uint32_t seed = 1;
  std::string truth = "truth";
};

// What a client sends first; `size` bytes follow.
struct Request {
  std::uint64_t cookie;
  End end;
  std::uint32_t size;
  std::uint32_t answer;
  std::uint32_t port;
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

int check(int result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

// A new socket of this thread belongs to the namespace.
void enter(const std::string& netns) {
  if (netns.empty()) return;
  const int fd = check(::open(netns.c_str(), O_RDONLY | O_CLOEXEC), netns.c_str());
  check(::setns(fd, CLONE_NEWNET), "setns");
  ::close(fd);
}

int make_socket() {
  const int fd = check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  return fd;
}

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) fail(host.c_str());
  return address;
}

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  check(::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), "SO_COOKIE");
  return cookie;
}

void send_all(int fd, const void* bytes, std::size_t size) {
  const char* at = static_cast<const char*>(bytes);
  while (size != 0) {
    const ssize_t sent = ::send(fd, at, size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return;
    check(static_cast<int>(sent), "send");
    at += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

// False: reset.
bool receive_all(int fd, void* bytes, std::size_t size) {
  if (size == 0) return true;  // recv(2) would wait
  const ssize_t got = ::recv(fd, bytes, size, MSG_WAITALL);
  if (got < 0 && errno == EAGAIN) fail("recv");
  return got == static_cast<ssize_t>(size);
}

void receive_to_the_end(int fd) {
  std::array<char, 16'384> bytes;
  ssize_t got = 0;
  while ((got = ::recv(fd, bytes.data(), bytes.size(), 0)) > 0) {
  }
  if (got < 0 && errno == EAGAIN) fail("recv at the end");
}

void reset(int fd) {
  const linger abort{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

class Client {
 public:
  Client(const Settings& settings, std::uint32_t worker)
      : settings_(settings),
        to_(address_of(settings.connect, static_cast<std::uint16_t>(settings.port + worker))),
        random_(settings.seed + worker) {}

  void run(std::uint32_t connections) {
    enter(settings_.client_netns);
    for (std::uint32_t i = 0; i < connections; ++i) {
      const int fd = connect();
      talk(fd, End{i % static_cast<std::uint32_t>(End::kCount)});
      ::close(fd);
    }
  }

 private:
  // Takes the next source port that the kernel allows: one in TIME_WAIT is free again after a
  // second.
  int connect() {
    for (std::uint32_t tries = 0; tries < 60'000; ++tries) {
      const int fd = make_socket();
      port_ = static_cast<std::uint16_t>(kFirstSourcePort + ++next_ % settings_.source_ports);
      sockaddr_in own{};
      own.sin_family = AF_INET;
      own.sin_port = htons(port_);
      if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0 &&
          ::connect(fd, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) == 0)
        return fd;
      if (errno != EADDRINUSE && errno != EADDRNOTAVAIL) fail("connect");
      ::close(fd);
      if (tries % settings_.source_ports == settings_.source_ports - 1u) ::usleep(1000);
    }
    fail("no source port");
  }

  void talk(int fd, End end) {
    const Request request{cookie_of(fd), end, static_cast<std::uint32_t>(random_() % 5000),
                          static_cast<std::uint32_t>(random_() % 5000), port_};
    std::vector<char> bytes(5000);
    send_all(fd, &request, sizeof request);
    send_all(fd, bytes.data(), request.size);
    if (!receive_all(fd, bytes.data(), request.answer + 1)) return;
    switch (end) {
      case End::kClientFirst:
        ::shutdown(fd, SHUT_WR);
        receive_to_the_end(fd);
        break;
      case End::kClientHalfCloses:
        ::shutdown(fd, SHUT_WR);
        receive_to_the_end(fd);
        break;
      case End::kServerHalfCloses:
        receive_to_the_end(fd);
        send_all(fd, bytes.data(), 5000);
        break;
      case End::kClientResets:
      case End::kBothReset: reset(fd); break;
      case End::kBothAtOnce: break;
      default: receive_to_the_end(fd);
    }
  }

  const Settings& settings_;
  sockaddr_in to_;
  std::mt19937 random_;
  std::uint32_t next_ = 0;
  std::uint16_t port_ = 0;
};

int listen_on(const Settings& settings, std::uint32_t worker) {
  enter(settings.server_netns);
  const int listener = make_socket();
  const sockaddr_in address =
      address_of(settings.listen, static_cast<std::uint16_t>(settings.port + worker));
  check(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  check(::listen(listener, 128), "listen");
  return listener;
}

void serve(int listener, std::uint32_t connections, std::string& truth) {
  std::vector<char> bytes(10'000);
  for (std::uint32_t i = 0; i < connections; ++i) {
    const int fd = check(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    Request request{};
    if (!receive_all(fd, &request, sizeof request)) fail("no request");
    std::array<char, 128> line;
    truth.append(line.data(), static_cast<std::size_t>(std::snprintf(
                                  line.data(), line.size(), "%llu %llu %s %u\n",
                                  static_cast<unsigned long long>(request.cookie),
                                  static_cast<unsigned long long>(cookie_of(fd)),
                                  kNames[static_cast<std::size_t>(request.end)], request.port)));
    if (request.end != End::kServerLeavesDataUnread) receive_all(fd, bytes.data(), request.size);
    send_all(fd, bytes.data(), request.answer + 1);
    switch (request.end) {
      case End::kServerFirst:
        ::shutdown(fd, SHUT_WR);
        receive_to_the_end(fd);
        break;
      case End::kServerHalfCloses:
        ::shutdown(fd, SHUT_WR);
        receive_to_the_end(fd);
        break;
      case End::kClientHalfCloses:
        receive_to_the_end(fd);
        send_all(fd, bytes.data(), 5000);
        break;
      case End::kServerResets:
      case End::kBothReset: reset(fd); break;
      case End::kBothAtOnce:
      case End::kServerLeavesDataUnread: break;
      default: receive_to_the_end(fd);
    }
    ::close(fd);
  }
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string value = argv[i + 1];
    const auto number = [&] { return static_cast<std::uint32_t>(std::stoul(value)); };
    if (name == "--connections")
      settings.connections = number();
    else if (name == "--workers")
      settings.workers = number();
    else if (name == "--listen")
      settings.listen = value;
    else if (name == "--connect")
      settings.connect = value;
    else if (name == "--port")
      settings.port = static_cast<std::uint16_t>(number());
    else if (name == "--source-ports")
      settings.source_ports = static_cast<std::uint16_t>(number());
    else if (name == "--server-netns")
      settings.server_netns = value;
    else if (name == "--client-netns")
      settings.client_netns = value;
    else if (name == "--seed")
      settings.seed = number();
    else if (name == "--truth")
      settings.truth = value;
    else
      std::fprintf(stderr, "unknown option %s\n", argv[i]), std::_Exit(2);
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  const std::uint32_t each = settings.connections / settings.workers;
  std::vector<std::string> truths(settings.workers);
  std::vector<int> listeners(settings.workers);
  for (std::uint32_t i = 0; i < settings.workers; ++i)
    std::thread([&, i] { listeners[i] = listen_on(settings, i); }).join();
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < settings.workers; ++i) {
    threads.emplace_back([&, i] { serve(listeners[i], each, truths[i]); });
    threads.emplace_back([&, i] { Client(settings, i).run(each); });
  }
  for (std::thread& thread : threads) thread.join();
  std::FILE* const file = std::fopen(settings.truth.c_str(), "w");
  if (file == nullptr) fail("truth");
  for (const std::string& truth : truths) std::fputs(truth.c_str(), file);
  if (std::fclose(file) != 0) fail("truth");
}
