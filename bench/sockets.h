// SPDX-License-Identifier: Apache-2.0
// What the workloads make traffic with: loopback sockets, a clock, and an end of the program on any
// error.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/clock.h"
#include "base/fd.h"

namespace bench {

using sockscope::Fd;
using sockscope::mono_now_ns;

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "workload: cannot %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

inline void require(bool done, const char* what) {
  if (!done) fail(what);
}

inline void pin_to_core(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(core), &cores);
  require(::sched_setaffinity(0, sizeof cores, &cores) == 0, "pin to a core");
}

// 127.NET.x.y, where x.y is `host`: many addresses, so that ports do not run out. NET tells the
// readers of events whose connections these are.
inline sockaddr_in loopback(std::uint8_t net, std::uint32_t host, std::uint16_t port = 0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(0x7f000000u | (std::uint32_t{net} << 16) | (host & 0xffffu));
  return address;
}

inline constexpr std::uint8_t kTrafficNet = 76;
inline constexpr std::uint8_t kChurnNet = 77;
inline constexpr std::uint8_t kHoldNet = 78;

inline const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

inline Fd bound_socket(int type, sockaddr_in& address) {
  Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  require(static_cast<bool>(socket), "open a socket");
  require(::bind(socket.get(), generic(address), sizeof address) == 0, "bind a socket");
  socklen_t size = sizeof address;
  require(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0,
          "read a socket's address");
  return socket;
}

struct Listener {
  explicit Listener(sockaddr_in where)
      : address(where), socket(bound_socket(SOCK_STREAM, address)) {
    require(::listen(socket.get(), 1024) == 0, "listen");
  }
  sockaddr_in address;
  Fd socket;
};

struct Connection {
  Fd client;
  Fd server;
};

inline Connection connect_to(const Listener& listener) {
  Connection connection;
  connection.client = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(static_cast<bool>(connection.client), "open a socket");
  require(
      ::connect(connection.client.get(), generic(listener.address), sizeof listener.address) == 0,
      "connect");
  connection.server = Fd(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  require(static_cast<bool>(connection.server), "accept");
  return connection;
}

// For small messages that must be sent at once.
inline Connection connect_without_delay(const Listener& listener) {
  Connection connection = connect_to(listener);
  const int on = 1;
  for (const Fd* end : {&connection.client, &connection.server})
    require(::setsockopt(end->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0,
            "set TCP_NODELAY");
  return connection;
}

}  // namespace bench
