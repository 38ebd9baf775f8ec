// SPDX-License-Identifier: Apache-2.0
#include "live_support.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace sockscope::live {
namespace {

[[noreturn]] void fail(const std::string& doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

template <class T>
T checked(T result, const char* doing) {
  if (result < 0) fail(doing);
  return result;
}

// Other kernel work for this process, such as io_uring's, interrupts blocking calls.
template <class Call>
ssize_t uninterrupted(Call call) {
  ssize_t result;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

struct RawAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

RawAddress to_raw(const Endpoint& endpoint, bool mapped) {
  RawAddress raw;
  if (endpoint.addr.family == 4 && !mapped) {
    auto& in = reinterpret_cast<sockaddr_in&>(raw.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, endpoint.addr.bytes.data(), 4);
    raw.size = sizeof in;
    return raw;
  }
  auto& in = reinterpret_cast<sockaddr_in6&>(raw.storage);
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(endpoint.port);
  auto* bytes = reinterpret_cast<std::uint8_t*>(&in.sin6_addr);
  if (mapped) {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes + 12, endpoint.addr.bytes.data(), 4);
  } else {
    std::memcpy(bytes, endpoint.addr.bytes.data(), 16);
  }
  raw.size = sizeof in;
  return raw;
}

Endpoint from_raw(const RawAddress& raw) {
  Endpoint endpoint;
  if (raw.storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(raw.storage);
    endpoint.addr.family = 4;
    std::memcpy(endpoint.addr.bytes.data(), &in.sin_addr, 4);
    endpoint.port = ntohs(in.sin_port);
    return endpoint;
  }
  const auto& in = reinterpret_cast<const sockaddr_in6&>(raw.storage);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&in.sin6_addr);
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&in.sin6_addr);
  endpoint.addr.family = mapped ? 4 : 6;
  if (mapped)
    std::memcpy(endpoint.addr.bytes.data(), bytes + 12, 4);
  else
    std::memcpy(endpoint.addr.bytes.data(), bytes, 16);
  endpoint.port = ntohs(in.sin6_port);
  return endpoint;
}

}  // namespace

std::chrono::milliseconds patience() {
  static const char* const factor = std::getenv("SOCKSCOPE_PATIENCE");
  return std::chrono::milliseconds(3000) * (factor ? std::max(1, std::atoi(factor)) : 1);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Fd open_socket(std::uint8_t family, int type) {
  return Fd(checked(::socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0), "socket"));
}

// IPv4: not the address that the client gets, so that tests notice swapped ends.
Endpoint loopback(std::uint8_t family, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.addr.family = family;
  if (family == 4)
    endpoint.addr.bytes = {127, 0, 0, 2};
  else
    endpoint.addr.bytes[15] = 1;
  endpoint.port = port;
  return endpoint;
}

void bind_to(int fd, const Endpoint& to) {
  RawAddress raw = to_raw(to, false);
  checked(::bind(fd, raw.get(), raw.size), "bind");
}

int try_connect(int fd, const Endpoint& to, bool mapped) {
  RawAddress raw = to_raw(to, mapped);
  return ::connect(fd, raw.get(), raw.size) == 0 ? 0 : errno;
}

Fd connect_to(const Endpoint& to, int type) {
  Fd fd = open_socket(to.addr.family, type);
  errno = try_connect(fd.get(), to);
  if (errno != 0) fail("connect to " + to_string(to));
  return fd;
}

Fd listen_on(const Endpoint& at, int backlog) {
  Fd fd = open_socket(at.addr.family, SOCK_STREAM);
  bind_to(fd.get(), at);
  checked(::listen(fd.get(), backlog), "listen");
  return fd;
}

Fd accept_from(int listener, bool with_address) {
  RawAddress raw;
  return Fd(checked(with_address ? ::accept4(listener, raw.get(), &raw.size, SOCK_CLOEXEC)
                                 : ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC),
                    "accept"));
}

void set_option(int fd, int level, int name, int value) {
  checked(::setsockopt(fd, level, name, &value, sizeof value), "setsockopt");
}

bool read_exactly(int fd, std::size_t size) {
  std::vector<char> buffer(std::min<std::size_t>(size, 65536));
  while (size != 0) {
    const ssize_t count = checked(
        uninterrupted([&] { return ::recv(fd, buffer.data(), std::min(size, buffer.size()), 0); }),
        "recv");
    if (count == 0) return false;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

void wait_for_hangup(int fd, short events) {
  pollfd wanted{fd, static_cast<short>(events | POLLRDHUP), 0};
  if (::poll(&wanted, 1, static_cast<int>(patience().count())) != 1)
    fail("wait for the peer's end");
}

void send_bytes(int fd, std::size_t size, int flags) {
  const std::vector<char> bytes = payload(size);
  if (::send(fd, bytes.data(), size, flags | MSG_NOSIGNAL) != static_cast<ssize_t>(size))
    fail("send");
}

std::vector<char> payload(std::size_t size) {
  return std::vector<char>(size, 'z');
}

std::size_t send_until_full(int fd) {
  const std::vector<char> bytes = payload(10'000);
  std::size_t total = 0;
  for (;;) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      total += static_cast<std::size_t>(count);
      continue;
    }
    if (errno != EAGAIN) fail("send until full");
    pollfd wanted{fd, POLLOUT, 0};
    if (::poll(&wanted, 1, 20) == 0) return total;
  }
}

void reset_at_close(int fd) {
  const linger abort{1, 0};
  checked(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort), "SO_LINGER");
}

void drop_incoming(int fd) {
  sock_filter reject{BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program{1, &reject};
  checked(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program),
          "attach a filter");
}

void stop_dropping(int fd) {
  const int unused = 0;
  checked(::setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused),
          "detach the filter");
}

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  checked(::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), "SO_COOKIE");
  return cookie;
}

Endpoint local_of(int fd) {
  RawAddress raw;
  checked(::getsockname(fd, raw.get(), &raw.size), "getsockname");
  return from_raw(raw);
}

Socket describe(int fd) {
  Socket socket;
  socket.cookie = cookie_of(fd);
  socket.netns = own_netns();
  int protocol = 0;
  socklen_t size = sizeof protocol;
  checked(::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size), "SO_PROTOCOL");
  socket.protocol = static_cast<Protocol>(protocol);
  socket.local = local_of(fd);
  RawAddress raw;
  if (::getpeername(fd, raw.get(), &raw.size) == 0)
    socket.remote = from_raw(raw);
  else
    socket.remote.addr.family = socket.local.addr.family;
  return socket;
}

Socket describe_accepted(int fd, const Socket& client) {
  Socket socket = client;
  socket.cookie = cookie_of(fd);
  socket.local = client.remote;
  socket.remote = client.local;
  return socket;
}

tcp_info tcp_info_of(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  checked(::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), "TCP_INFO");
  return info;
}

Counters counters_of(int fd) {
  const tcp_info info = tcp_info_of(fd);
  Counters counters;
  counters.tx_bytes = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
  counters.rx_bytes = info.tcpi_bytes_received;
  counters.tx_segments = info.tcpi_segs_out;
  counters.rx_segments = info.tcpi_segs_in;
  counters.retransmits = info.tcpi_total_retrans;
  counters.srtt_us = info.tcpi_rtt;
  counters.min_rtt_us = info.tcpi_min_rtt == ~0u ? 0 : info.tcpi_min_rtt;
  return counters;
}

void wait_for_tcp_state(int fd, TcpState state) {
  const std::uint64_t deadline =
      mono_ns() + static_cast<std::uint64_t>(patience().count()) * 1'000'000;
  while (tcp_info_of(fd).tcpi_state != static_cast<std::uint8_t>(state)) {
    if (mono_ns() > deadline)
      throw std::runtime_error("the socket never came to " + std::string(to_string(state)));
    ::poll(nullptr, 0, 1);
  }
}

std::uint32_t own_netns() {
  struct stat status {};
  checked(::stat("/proc/self/ns/net", &status), "stat the network namespace");
  return static_cast<std::uint32_t>(status.st_ino);
}

std::uint64_t mono_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Identity identity_of(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/";
  Identity identity;
  identity.pid = static_cast<std::uint32_t>(pid);

  std::string comm;
  std::getline(std::ifstream(directory + "comm"), comm);
  std::copy_n(comm.begin(), std::min(comm.size(), identity.comm.size() - 1), identity.comm.begin());

  std::string stat;
  std::getline(std::ifstream(directory + "stat"), stat);
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  identity.start_ticks = std::stoull(field);

  std::ifstream status(directory + "status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("Uid:", 0) == 0) std::istringstream(line.substr(4)) >> identity.uid;

  std::string mount;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::string device, path, type;
    std::istringstream(line) >> device >> path >> type;
    if (type == "cgroup2") mount = path;
  }
  std::ifstream cgroups(directory + "cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    if (line.rfind("0::", 0) != 0) continue;
    struct stat found {};
    checked(::stat((mount + line.substr(3)).c_str(), &found), "stat the cgroup");
    identity.cgroup_id = found.st_ino;
  }
  return identity;
}

Identity own_identity() {
  return identity_of(::getpid());
}

void Channel::write_bytes(const void* bytes, std::size_t size) {
  if (::send(fd_.get(), bytes, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size))
    fail("write to the other process");
}

void Channel::read_bytes(void* bytes, std::size_t size) {
  if (uninterrupted([&] { return ::recv(fd_.get(), bytes, size, MSG_WAITALL); }) !=
      static_cast<ssize_t>(size))
    fail("read from the other process");
}

void Channel::put_fd(int fd) {
  char byte = 'f';
  iovec content{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  checked(::sendmsg(fd_.get(), &message, MSG_NOSIGNAL), "pass a file");
}

Fd Channel::get_fd() {
  char byte = 0;
  iovec content{&byte, 1};
  int fd = -1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC) != 1) fail("receive a file");
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS) throw std::runtime_error("no file came");
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return Fd(fd);
}

Child::Child(const Body& body) : channel_(Fd()) {
  int ends[2];
  checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  // The other side may itself have to wait.
  const timeval longest{7 * patience().count() / 1000, 0};
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
  Fd parents(ends[0]), childs(ends[1]);
  std::fflush(nullptr);
  pid_ = checked(::fork(), "fork");
  if (pid_ != 0) {
    channel_ = Channel(std::move(parents));
    return;
  }
  parents.reset();
  int status = 70;
  try {
    Channel channel(std::move(childs));
    body(channel);
    status = testing::Test::HasFailure() ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
  }
  std::fflush(nullptr);
  ::_exit(status);
}

Child::~Child() {
  if (pid_ <= 0) return;
  kill();
  wait();
}

void Child::kill() {
  ::kill(pid_, SIGKILL);
}

int Child::wait() {
  int status = 0;
  checked(::waitpid(std::exchange(pid_, -1), &status, 0), "waitpid");
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void enter_new_netns() {
  checked(::unshare(CLONE_NEWNET), "unshare the network namespace");
  const Fd fd = open_socket(4, SOCK_DGRAM);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  checked(::ioctl(fd.get(), SIOCSIFFLAGS, &request), "bring loopback up");
}

}  // namespace sockscope::live
