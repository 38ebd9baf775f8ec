// SPDX-License-Identifier: Apache-2.0
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sockscope/proc_connector.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/kernel_namespace.h"
#include "decode/proc_event.h"

namespace sockscope {
namespace {

// During a flood of events there may be no room for the kernel's answer.
constexpr int kMostRequests = 5;
constexpr std::uint32_t kEveryNumber = 0xffffffff;

// struct proc_input of Linux 6.6; older headers do not have it.
struct FilteredRequest {
  std::uint32_t operation;
  std::uint32_t events;
};
static_assert(sizeof(proc_cn_mcast_op) == 4);

Error other_namespace(int error, std::string doing) {
  std::string which = "network";
  if (!is_in_first_user_namespace()) which = "user";
  if (!is_in_first_pid_namespace()) which = "pid";
  return Error::from_errno(ErrorKind::kOtherNamespace, error, std::move(doing))
      .with_detail("the kernel reports processes only in the host's own " + which + " namespace")
      .with_hint("run it on the host, or in a container that shares the host's namespaces");
}

Error refused(int error, std::string doing) {
  if (error == EPERM || error == EACCES)
    return Error::from_errno(ErrorKind::kNotPermitted, error, std::move(doing))
        .with_detail("this user lacks CAP_NET_ADMIN")
        .with_hint("run with sudo");
  if (error == ECONNREFUSED) return other_namespace(error, std::move(doing));
  return Error::from_errno(ErrorKind::kIo, error, std::move(doing));
}

}  // namespace

struct ProcConnector::Impl {
  Fd socket;
  std::size_t granted = 0;
  ProcessEventMask wanted = 0;  // 0: not subscribed
  bool in_kernel = false;
  // Numbers of our own, because answers to other programs arrive at this socket too.
  std::uint32_t requests = static_cast<std::uint32_t>(::getpid()) << 10;
  ProcConnectorLoss lost;
  // For each CPU the number of its next event; empty: none was seen since the subscription.
  std::vector<std::optional<std::uint32_t>> expected;

  bool counts_gaps() const noexcept { return wanted == kAllProcessEvents; }
  bool wants(const ProcessEvent& event) const noexcept {
    if ((wanted & mask_of(event.kind)) != 0) return true;
    return (wanted & kNonzeroExits) != 0 && event.kind == ProcessEventKind::kExit &&
           event.exit_status != 0;
  }
  int send(std::uint32_t operation, std::optional<std::uint32_t> events);
  enum class Answer { kGiven, kNone, kLost };
  Answer await_answer(int& error);
  Answer ask(std::optional<std::uint32_t> events, int& error);
  ssize_t read(std::span<std::byte> buffer, std::span<const std::byte>& datagram);
  std::size_t take(std::span<const std::byte> datagram, const Handler& handler);
  void note_sequence(const ProcMessage& message);
};

// Returns 0 or errno.
int ProcConnector::Impl::send(std::uint32_t operation, std::optional<std::uint32_t> events) {
  const FilteredRequest request{operation, events.value_or(0)};
  const std::size_t length = events ? sizeof request : sizeof request.operation;
  alignas(nlmsghdr) std::array<std::byte, NLMSG_SPACE(sizeof(cn_msg) + sizeof request)> bytes{};
  cn_msg connector{};
  connector.id = {CN_IDX_PROC, CN_VAL_PROC};
  connector.seq = connector.ack = ++requests;
  connector.len = static_cast<std::uint16_t>(length);
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof connector + length));
  header.nlmsg_type = NLMSG_DONE;
  header.nlmsg_seq = requests;
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + NLMSG_HDRLEN, &connector, sizeof connector);
  std::memcpy(bytes.data() + NLMSG_HDRLEN + sizeof connector, &request, length);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = ::sendto(socket.get(), bytes.data(), header.nlmsg_len, 0,
                                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  return sent < 0 ? errno : 0;
}

// Reads one datagram of the kernel. < 0: none, see errno; 0: one that must be ignored.
ssize_t ProcConnector::Impl::read(std::span<std::byte> buffer,
                                  std::span<const std::byte>& datagram) {
  sockaddr_nl from{};
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const ssize_t size = ::recvmsg(socket.get(), &message, MSG_DONTWAIT);
  if (size < 0) return size;
  if (from.nl_pid != 0) return 0;  // not from the kernel
  if ((message.msg_flags & MSG_TRUNC) != 0) {
    ++lost.malformed;
    return 0;
  }
  datagram = buffer.first(static_cast<std::size_t>(size));
  return size;
}

// Reads up to the kernel's answer. The kernel puts it into the buffer before the request returns,
// unless there was no room. Messages before it are older than the subscription. `error` is the
// error in the answer.
ProcConnector::Impl::Answer ProcConnector::Impl::await_answer(int& error) {
  std::array<std::byte, kBufferSize> buffer;
  bool was_full = false;
  for (;;) {
    std::span<const std::byte> datagram;
    if (read(buffer, datagram) < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return was_full ? Answer::kLost : Answer::kNone;
      if (errno != ENOBUFS) {
        error = errno;
        return Answer::kGiven;
      }
      ++lost.buffer_full;
      was_full = true;
      continue;
    }
    while (!datagram.empty()) {
      ProcMessage message;
      if (!take_proc_message(datagram, message)) break;
      const bool is_answer = message.kind == ProcMessage::Kind::kAck && message.ack == requests + 1;
      if (!is_answer && message.kind != ProcMessage::Kind::kError) continue;
      if (is_answer) note_sequence(message);
      error = message.error;
      return Answer::kGiven;
    }
  }
}

// Repeats the request until its answer is not lost among events. `error`: that of the request, or
// of the answer.
ProcConnector::Impl::Answer ProcConnector::Impl::ask(std::optional<std::uint32_t> events,
                                                     int& error) {
  auto answer = Answer::kLost;
  for (int tries = 0; answer == Answer::kLost && tries < kMostRequests; ++tries) {
    if (error = send(PROC_CN_MCAST_LISTEN, events); error != 0) return Answer::kGiven;
    answer = await_answer(error);
  }
  if (answer == Answer::kLost) error = ENOBUFS;
  return answer;
}

void ProcConnector::Impl::note_sequence(const ProcMessage& message) {
  constexpr std::uint32_t kMostCpus = 1u << 16;
  const std::uint32_t cpu = message.event.cpu;
  if (cpu >= kMostCpus) return;
  if (cpu >= expected.size()) expected.resize(cpu + 1);
  if (expected[cpu] && counts_gaps()) lost.missing += message.sequence - *expected[cpu];
  expected[cpu] = message.sequence + 1;
}

std::size_t ProcConnector::Impl::take(std::span<const std::byte> datagram, const Handler& handler) {
  std::size_t count = 0;
  ProcMessage message;
  while (!datagram.empty()) {
    if (!take_proc_message(datagram, message)) {
      ++lost.malformed;
      return count;
    }
    if (message.kind == ProcMessage::Kind::kOverrun) ++lost.overruns;
    const bool is_event = message.kind == ProcMessage::Kind::kEvent;
    if (is_event || message.kind == ProcMessage::Kind::kAck) note_sequence(message);
    if (!is_event) continue;
    if (!wants(message.event)) continue;
    handler(message.event);
    ++count;
  }
  return count;
}

ProcConnector::ProcConnector(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
ProcConnector::ProcConnector(ProcConnector&&) noexcept = default;
ProcConnector& ProcConnector::operator=(ProcConnector&& other) noexcept {
  if (impl_ && impl_ != other.impl_) static_cast<void>(unsubscribe());
  impl_ = std::move(other.impl_);
  return *this;
}
ProcConnector::~ProcConnector() {
  if (impl_) static_cast<void>(unsubscribe());
}

Result<ProcConnector> ProcConnector::open(const Options& options) {
  auto impl = std::make_unique<Impl>();
  impl->socket = Fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR));
  if (!impl->socket) {
    const int error = errno;
    if (error == EPROTONOSUPPORT || error == EAFNOSUPPORT)
      return tl::make_unexpected(Error::from_errno(ErrorKind::kKernelLacksFeature, error,
                                                   "open the process events connector")
                                     .with_detail("the kernel was built without CONFIG_CONNECTOR"));
    return tl::make_unexpected(refused(error, "open the process events connector"));
  }
  const int socket = impl->socket.get();
  if (options.receive_buffer != 0) {
    const int bytes = static_cast<int>(std::min<std::size_t>(options.receive_buffer, INT_MAX / 2));
    if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
      ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  int granted = 0;
  socklen_t size = sizeof granted;
  ::getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &granted, &size);
  impl->granted = static_cast<std::size_t>(granted);

  sockaddr_nl group{};
  group.nl_family = AF_NETLINK;
  group.nl_groups = CN_IDX_PROC;
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&group), sizeof group) != 0)
    return tl::make_unexpected(refused(errno, "join the process events"));
  return ProcConnector(std::move(impl));
}

Result<void> ProcConnector::subscribe(ProcessEventMask wanted) {
  Impl& impl = *impl_;
  const std::string doing = "subscribe to process events";
  wanted &= kAllProcessEvents | kNonzeroExits;
  if (wanted == 0)
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {}, "subscribe to no process events at all"));
  if (auto done = unsubscribe(); !done) return done;
  impl.expected.clear();
  // A filter that leaves out some events also leaves out the kernel's answer, and kernels before
  // 6.6 ignore a request with a filter. So the first request has a filter that wants everything:
  // only a kernel that knows filters answers it.
  const std::uint32_t numbers = proc_event_numbers(wanted);
  const bool is_filtered = numbers != kEveryNumber;
  int error = 0;
  auto answer = Impl::Answer::kNone;
  if (is_filtered) answer = impl.ask(kEveryNumber, error);
  const bool in_kernel = answer == Impl::Answer::kGiven;
  if (answer == Impl::Answer::kNone) answer = impl.ask(std::nullopt, error);
  if (error == 0 && in_kernel) error = impl.send(PROC_CN_MCAST_LISTEN, numbers);
  if (error != 0) return tl::make_unexpected(refused(error, doing));
  if (answer == Impl::Answer::kNone) return tl::make_unexpected(other_namespace(0, doing));
  impl.wanted = wanted;
  impl.in_kernel = in_kernel;
  return {};
}

Result<void> ProcConnector::unsubscribe() {
  Impl& impl = *impl_;
  if (impl.wanted == 0) return {};
  const int error = impl.send(PROC_CN_MCAST_IGNORE, std::nullopt);
  impl.wanted = 0;
  impl.in_kernel = false;
  if (error != 0) return tl::make_unexpected(refused(error, "unsubscribe from process events"));
  return {};
}

bool ProcConnector::is_subscribed() const noexcept {
  return impl_->wanted != 0;
}
bool ProcConnector::filters_in_kernel() const noexcept {
  return impl_->in_kernel;
}
int ProcConnector::fd() const noexcept {
  return impl_->socket.get();
}
std::size_t ProcConnector::receive_buffer() const noexcept {
  return impl_->granted;
}
const ProcConnectorLoss& ProcConnector::loss() const noexcept {
  return impl_->lost;
}

Result<std::size_t> ProcConnector::receive(std::span<std::byte> buffer,
                                           std::chrono::milliseconds timeout,
                                           const Handler& handler) {
  Impl& impl = *impl_;
  for (bool waited = false;; waited = true) {
    std::span<const std::byte> datagram;
    const ssize_t size = impl.read(buffer, datagram);
    if (size >= 0) return impl.take(datagram, handler);
    if (errno == ENOBUFS) {
      ++impl.lost.buffer_full;
      return 0;
    }
    if (errno == EINTR) return 0;
    if (errno != EAGAIN)
      return tl::make_unexpected(
          Error::from_errno(ErrorKind::kIo, errno, "receive process events"));
    if (timeout.count() == 0 || waited) return 0;
    pollfd file{.fd = impl.socket.get(), .events = POLLIN, .revents = 0};
    const auto limit = std::min<std::int64_t>(timeout.count(), INT_MAX);
    if (::poll(&file, 1, limit < 0 ? -1 : static_cast<int>(limit)) <= 0) return 0;
  }
}

Result<std::size_t> ProcConnector::drain(std::span<std::byte> buffer, const Handler& handler,
                                         std::size_t datagrams) {
  Impl& impl = *impl_;
  std::size_t count = 0;
  for (; datagrams > 0; --datagrams) {
    std::span<const std::byte> datagram;
    const ssize_t size = impl.read(buffer, datagram);
    if (size >= 0) {
      count += impl.take(datagram, handler);
    } else if (errno == ENOBUFS) {
      ++impl.lost.buffer_full;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return tl::make_unexpected(
          Error::from_errno(ErrorKind::kIo, errno, "receive process events"));
    }
  }
  return count;
}

}  // namespace sockscope
