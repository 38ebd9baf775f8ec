// SPDX-License-Identifier: Apache-2.0
// What live tests share: sockets on loopback, forked helpers, the truth as the kernel tells it to
// the sockets' owner, and a monitor whose events are kept. Helpers throw when a system call fails.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sockscope/monitor.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

struct tcp_info;  // <linux/tcp.h>

namespace sockscope::live {

// The longest wait. SOCKSCOPE_PATIENCE in the environment multiplies it, for slow machines.
std::chrono::milliseconds patience();

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  void reset();

 private:
  int fd_ = -1;
};

// ---- sockets; families are 4 and 6

Fd open_socket(std::uint8_t family, int type);
Endpoint loopback(std::uint8_t family, std::uint16_t port = 0);
void bind_to(int fd, const Endpoint& to);
// connect(2): returns 0 or errno. mapped: `fd` is an IPv6 socket that connects to an IPv4 address.
int try_connect(int fd, const Endpoint& to, bool mapped = false);
// A TCP or UDP socket connected to `to`; throws when it is refused.
Fd connect_to(const Endpoint& to, int type = SOCK_STREAM);
Fd listen_on(const Endpoint& at, int backlog = 64);
Fd accept_from(int listener, bool with_address = false);
void set_option(int fd, int level, int name, int value);
// Blocks until exactly `size` bytes have arrived; false when the stream ended before.
bool read_exactly(int fd, std::size_t size);
// Blocks until the other end has sent FIN or RST; reads nothing.
void wait_for_hangup(int fd, short events = 0);
void send_bytes(int fd, std::size_t size, int flags = 0);
std::vector<char> payload(std::size_t size);
// Sends without blocking until the buffers on both sides are full; returns how many bytes were
// accepted.
std::size_t send_until_full(int fd);
// Makes close(2) reset the connection.
void reset_at_close(int fd);
// Drops packets for this socket from now on; or no longer.
void drop_incoming(int fd);
void stop_dropping(int fd);

// What the kernel knows of a socket, read in the process that holds it.
struct Socket {
  std::uint64_t cookie = 0;
  std::uint32_t netns = 0;
  Protocol protocol = Protocol::kTcp;
  Endpoint local;
  Endpoint remote;  // unspecified: not connected
};
Socket describe(int fd);
// The same for an accepted socket, derived from its client, because sockscope would see
// getpeername(2) as a use of the socket.
Socket describe_accepted(int fd, const Socket& client);
std::uint64_t cookie_of(int fd);
Endpoint local_of(int fd);
tcp_info tcp_info_of(int fd);
Counters counters_of(int fd);  // from TCP_INFO
void wait_for_tcp_state(int fd, TcpState state);

std::uint32_t own_netns();
std::uint64_t mono_ns();

// ---- processes

struct Identity {
  std::uint32_t pid = 0;
  std::uint64_t start_ticks = 0;  // since boot, in units of 1 / sysconf(_SC_CLK_TCK)
  std::uint64_t cgroup_id = 0;
  std::uint32_t uid = 0;
  std::array<char, 16> comm{};
};
Identity identity_of(pid_t pid);
Identity own_identity();

// One end of a stream between a test and its child, which carries values without pointers, and open
// files.
class Channel {
 public:
  explicit Channel(Fd fd) : fd_(std::move(fd)) {}

  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    write_bytes(&value, sizeof value);
  }
  template <class T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    read_bytes(&value, sizeof value);
    return value;
  }
  // Sends and awaits a message without content, which lets the other side go on.
  void signal() { put('g'); }
  void await() { get<char>(); }
  void put_fd(int fd);
  Fd get_fd();
  void close() { fd_.reset(); }

 private:
  void write_bytes(const void* bytes, std::size_t size);
  void read_bytes(void* bytes, std::size_t size);
  Fd fd_;
};

// A forked process that runs `body` and exits: status 0, 1 when an expectation failed in it, 70
// when it threw. The destructor ends it with SIGKILL.
class Child {
 public:
  using Body = std::function<void(Channel&)>;
  explicit Child(const Body& body);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  Channel& channel() { return channel_; }
  pid_t pid() const { return pid_; }
  void kill();
  int wait();  // returns the exit status, or minus the signal

 private:
  pid_t pid_ = -1;
  Channel channel_;
};

// Gives the calling process a network namespace of its own, with loopback up.
void enter_new_netns();

// ---- monitor

// Options for processes and their events; accepts are reported at once, with the owner known by
// then.
Options watching_processes();
// Options for TCP owners at each send and receive, like `--exact-owner`.
Options exact_owners();

class Collector {
 public:
  explicit Collector(const Options& options = exact_owners());

  Monitor& monitor() { return monitor_; }
  const Monitor& monitor() const { return monitor_; }
  std::uint64_t opened_ns() const { return opened_ns_; }

  // Returns the first event, old or new, that fits; throws when none comes in time.
  using Predicate = std::function<bool(const Event&)>;
  const Event& wait_for(const Predicate& fits, std::string_view what,
                        std::chrono::milliseconds timeout = patience());
  const Event& wait_for(EventKind kind, std::uint64_t cookie);
  // Returns the accept of the connection whose other end is `client`.
  const Event& wait_for_accept_from(const Socket& client);

  // Returns when everything that happened before the call has been collected. Does not work when
  // the monitor's filter hides the calling process.
  void catch_up();

  std::vector<Event> events_of(std::uint64_t cookie) const;
  std::size_t count(EventKind kind, std::uint64_t cookie) const;
  const std::deque<Event>& events() const { return events_; }

  Snapshot snapshot();
  // From a new snapshot.
  std::optional<Flow> flow_of(std::uint64_t cookie);

 private:
  Monitor::Handler keep_ = [this](const Event& event) { events_.push_back(event); };
  std::uint64_t opened_ns_;
  Monitor monitor_;
  std::deque<Event> events_;
};

// The door in use for an observation; nullptr when there is none.
const Door* door_of(const Monitor& monitor, Observation observation);

// Why the monitor cannot see: which process sends and receives with TCP; UDP's bytes; accepts in
// which the process does not ask for the peer's address. Empty: it can.
std::string blind_to_use(const Monitor& monitor);
std::string blind_to_udp(const Monitor& monitor);
std::string blind_to_accepts(const Monitor& monitor);
// Why it can see neither a quiet accept nor a use.
std::string blind_to_quiet_owner(const Monitor& monitor);
// How the owner of a connection is known that nobody has used and that was accepted without its
// address: inherited from the listener or, once a pass has found the connection with the process,
// found.
OwnerKind untouched_owner(const Monitor& monitor, const Event& accept);

// Skips the running test, and says why, where its subject cannot be seen.
#define SOCKSCOPE_SKIP_WHEN(blind) \
  if (const std::string why = (blind); !why.empty()) GTEST_SKIP() << why

std::string family_name(const testing::TestParamInfo<std::uint8_t>& info);

}  // namespace sockscope::live
