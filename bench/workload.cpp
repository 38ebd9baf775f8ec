// SPDX-License-Identifier: Apache-2.0
// The traffic that is measured with and without a monitor running. Prints nanoseconds per
// operation, and the number of all operations, including those that only warm up.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sockets.h"

namespace bench {
namespace {

constexpr std::size_t kMessage = 64;

struct Figures {
  double ns_per_operation = 0;
  long operations = 0;
};

// The first tenth is for warming up and is not timed.
template <class Operation>
Figures time_operations(long count, Operation&& operation) {
  const long warm_up = count / 10;
  for (long i = 0; i < warm_up; ++i) operation();
  const std::uint64_t began = mono_now_ns();
  for (long i = 0; i < count; ++i) operation();
  const auto took = static_cast<double>(mono_now_ns() - began);
  return {took / static_cast<double>(count), count + warm_up};
}

// A child that does not outlive this process.
template <class Work>
pid_t start_child(Work&& work) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  require(child >= 0, "fork");
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() == parent) work();
  ::_exit(0);
}

void wait_for(pid_t child) {
  int status = 0;
  require(::waitpid(child, &status, 0) == child, "wait for a child");
  if (status != 0) std::exit(1);  // it has already said why
}

void send_all(int socket, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, bytes, size, MSG_NOSIGNAL);
    require(sent > 0, "send");
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

void receive_all(int socket, char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t received = ::recv(socket, bytes, size, 0);
    require(received > 0, "receive");
    bytes += received;
    size -= static_cast<std::size_t>(received);
  }
}

Connection traffic_connection() {
  return connect_without_delay(Listener(loopback(kTrafficNet, 1)));
}

// Request and response between two sockets of one process.
Figures run_tcp_pair(long count) {
  pin_to_core(0);
  const Connection connection = traffic_connection();
  std::array<char, kMessage> message{};
  return time_operations(count, [&] {
    send_all(connection.client.get(), message.data(), message.size());
    receive_all(connection.server.get(), message.data(), message.size());
    send_all(connection.server.get(), message.data(), message.size());
    receive_all(connection.client.get(), message.data(), message.size());
  });
}

// Request and response between two processes. On one core the switch between them is included; on
// two, the wake-up of the other core, which is slow and irregular in a virtual machine.
Figures run_tcp_rr(long count, int server_core) {
  Connection connection = traffic_connection();
  const pid_t server = start_child([&] {
    connection.client.reset();
    pin_to_core(server_core);
    std::array<char, kMessage> message{};
    while (::recv(connection.server.get(), message.data(), message.size(), MSG_WAITALL) ==
           static_cast<ssize_t>(message.size()))
      send_all(connection.server.get(), message.data(), message.size());
  });
  connection.server.reset();
  pin_to_core(0);
  std::array<char, kMessage> message{};
  const Figures figures = time_operations(count, [&] {
    send_all(connection.client.get(), message.data(), message.size());
    receive_all(connection.client.get(), message.data(), message.size());
  });
  connection.client.reset();
  wait_for(server);
  return figures;
}

// Sends of `size` bytes to a process on the other core. The clock stops when all of them have
// arrived.
Figures run_tcp_stream(long count, std::size_t size) {
  Connection connection = traffic_connection();
  const pid_t receiver = start_child([&] {
    connection.client.reset();
    pin_to_core(1);
    std::vector<char> buffer(std::size_t{256} << 10);
    while (::recv(connection.server.get(), buffer.data(), buffer.size(), 0) > 0) {
    }
  });
  connection.server.reset();
  pin_to_core(0);
  const std::vector<char> message(size);
  for (long i = 0; i < count / 10; ++i)
    send_all(connection.client.get(), message.data(), message.size());
  const std::uint64_t began = mono_now_ns();
  for (long i = 0; i < count; ++i)
    send_all(connection.client.get(), message.data(), message.size());
  ::shutdown(connection.client.get(), SHUT_WR);
  char nothing = 0;
  require(::recv(connection.client.get(), &nothing, 1, 0) == 0, "see the end of the stream");
  const auto took = static_cast<double>(mono_now_ns() - began);
  wait_for(receiver);
  return {took / static_cast<double>(count), count + count / 10};
}

// A datagram sent and received, both in one process.
Figures run_udp_pair(long count) {
  pin_to_core(0);
  sockaddr_in from = loopback(kTrafficNet, 2);
  sockaddr_in to = loopback(kTrafficNet, 3);
  const Fd sender = bound_socket(SOCK_DGRAM, from);
  const Fd receiver = bound_socket(SOCK_DGRAM, to);
  std::array<char, kMessage> message{};
  return time_operations(count, [&] {
    require(::sendto(sender.get(), message.data(), message.size(), 0, generic(to), sizeof to) > 0,
            "send a datagram");
    sockaddr_in source{};
    socklen_t size = sizeof source;
    require(::recvfrom(receiver.get(), message.data(), message.size(), 0,
                       reinterpret_cast<sockaddr*>(&source), &size) > 0,
            "receive a datagram");
  });
}

// Connect, accept, close. The client closes first and leaves a TIME_WAIT, so the address must
// change before its ports run out.
Figures churn(long count) {
  constexpr long kPerAddress = 8000;
  std::uint32_t host = static_cast<std::uint32_t>(mono_now_ns() / 1000) ^
                       static_cast<std::uint32_t>(::getpid() * 40503);
  Listener listener(loopback(kChurnNet, host));
  long used = 0;
  return time_operations(count, [&] {
    if (++used > kPerAddress) {
      listener = Listener(loopback(kChurnNet, ++host));
      used = 1;
    }
    Connection connection = connect_to(listener);
    connection.client.reset();
    connection.server.reset();
  });
}

Figures run_churn_on_one_core(long count) {
  pin_to_core(0);
  return churn(count);
}

// `count` connections in each of two processes, one per core, that start together.
Figures run_churn_on_two_cores(long count) {
  struct Child {
    pid_t pid;
    Fd figures;
  };
  std::array<int, 2> start{};
  require(::pipe(start.data()) == 0, "make a pipe");
  std::vector<Child> children;
  for (int core = 0; core < 2; ++core) {
    std::array<int, 2> ends{};
    require(::pipe(ends.data()) == 0, "make a pipe");
    const pid_t pid = start_child([&] {
      ::close(start[1]);
      pin_to_core(core);
      char nothing = 0;
      require(::read(start[0], &nothing, 1) == 0, "wait for the start");
      const Figures figures = churn(count);
      require(::write(ends[1], &figures, sizeof figures) == sizeof figures, "hand over figures");
    });
    ::close(ends[1]);
    children.push_back({pid, Fd(ends[0])});
  }
  ::close(start[0]);
  ::close(start[1]);
  Figures all;
  for (const Child& child : children) {
    Figures figures;
    require(::read(child.figures.get(), &figures, sizeof figures) == sizeof figures,
            "read a child's figures");
    all.ns_per_operation += figures.ns_per_operation / static_cast<double>(children.size());
    all.operations += figures.operations;
    wait_for(child.pid);
  }
  return all;
}

// Closes by a reset, so that no TIME_WAIT of this measurement affects the next.
void close_by_reset(const Fd& socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  require(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0,
          "set SO_LINGER");
}

void hold_part(std::uint32_t part, long pairs, long datagram_sockets, int ready, int stop) {
  std::vector<Fd> held;
  held.reserve(static_cast<std::size_t>(2 * pairs + datagram_sockets));
  const Listener listener(loopback(kHoldNet, part + 1));
  for (long i = 0; i < pairs; ++i) {
    Connection connection = connect_to(listener);
    close_by_reset(connection.client);
    close_by_reset(connection.server);
    const char byte = 'x';  // so that the connection has figures
    require(::send(connection.client.get(), &byte, 1, MSG_NOSIGNAL) == 1, "send");
    held.push_back(std::move(connection.client));
    held.push_back(std::move(connection.server));
  }
  for (long i = 0; i < datagram_sockets; ++i) {
    sockaddr_in address = loopback(kHoldNet, part + 1, static_cast<std::uint16_t>(2000 + i));
    held.push_back(bound_socket(SOCK_DGRAM, address));
  }
  require(::write(ready, "r", 1) == 1, "say that the sockets are open");
  char nothing = 0;
  require(::read(stop, &nothing, 1) == 0, "wait for the end");
}

// Keeps sockets open, in several processes, until standard input is closed.
void run_hold(long tcp_sockets, long udp_sockets) {
  constexpr long kFewestParts = 8;
  constexpr long kMostParts = 200;
  constexpr long kMostPorts = 25'000;
  rlimit limit{};
  require(::getrlimit(RLIMIT_NOFILE, &limit) == 0, "read the limit of open files");
  limit.rlim_cur = limit.rlim_max;
  require(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "raise the limit of open files");
  const long most_files = std::min(static_cast<long>(limit.rlim_max) - 100, kMostPorts);
  const long parts = std::max(kFewestParts, 1 + (tcp_sockets + udp_sockets) / most_files);
  if (most_files < 100 || parts > kMostParts) {
    std::fprintf(stderr, "workload: too many sockets, or too low a limit of open files\n");
    std::exit(2);
  }
  std::array<int, 2> ready{};
  std::array<int, 2> stop{};
  require(::pipe(ready.data()) == 0 && ::pipe(stop.data()) == 0, "make a pipe");
  const auto share = [parts](long all, long part) {
    return all * (part + 1) / parts - all * part / parts;
  };
  std::vector<pid_t> children;
  for (long part = 0; part < parts; ++part)
    children.push_back(start_child([&] {
      ::close(stop[1]);
      hold_part(static_cast<std::uint32_t>(part), share(tcp_sockets / 2, part),
                share(udp_sockets, part), ready[1], stop[0]);
    }));
  ::close(ready[1]);
  char byte = 0;
  for (long part = 0; part < parts; ++part)
    require(::read(ready[0], &byte, 1) == 1, "open the sockets");
  std::printf("ready\n");
  std::fflush(stdout);
  while (::read(0, &byte, 1) > 0) {
  }
  ::close(stop[1]);
  for (const pid_t child : children) wait_for(child);
}

int usage() {
  std::fprintf(
      stderr,
      "workload tcp-pair COUNT            request and response, one process\n"
      "workload tcp-rr COUNT [CORE]       two processes, the server on CORE (0)\n"
      "workload tcp-stream COUNT [SIZE]   sends of SIZE (1024) bytes to another process\n"
      "workload udp-pair COUNT            datagrams, one process\n"
      "workload churn1 COUNT              connect, accept, close, one process\n"
      "workload churn2 COUNT              the same in two processes, COUNT each\n"
      "workload hold TCP [UDP]            keeps so many sockets open until stdin closes\n");
  return 2;
}

int run(const std::vector<std::string>& words) {
  if (words.size() < 2 || words.size() > 3) return usage();
  const std::string_view name = words[0];
  const long count = std::atol(words[1].c_str());
  const long extra = words.size() > 2 ? std::atol(words[2].c_str()) : -1;
  if (count < 0 || (count == 0 && name != "hold")) return usage();
  Figures figures;
  if (name == "tcp-pair") {
    figures = run_tcp_pair(count);
  } else if (name == "tcp-rr") {
    figures = run_tcp_rr(count, extra < 0 ? 0 : static_cast<int>(extra));
  } else if (name == "tcp-stream") {
    figures = run_tcp_stream(count, extra <= 0 ? 1024 : static_cast<std::size_t>(extra));
  } else if (name == "udp-pair") {
    figures = run_udp_pair(count);
  } else if (name == "churn1") {
    figures = run_churn_on_one_core(count);
  } else if (name == "churn2") {
    figures = run_churn_on_two_cores(count);
  } else if (name == "hold") {
    run_hold(count, std::max(extra, 0L));
    return 0;
  } else {
    return usage();
  }
  std::printf("%.1f %ld\n", figures.ns_per_operation, figures.operations);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run({argv + 1, argv + argc});
}
