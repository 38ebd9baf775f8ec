// SPDX-License-Identifier: Apache-2.0
#include "source/sock_diag/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>

#include "decode/inet_diag.h"

namespace sockscope {
namespace {

// The larger the reader's buffer, the more the kernel puts into one datagram, up to 32 KiB.
constexpr std::size_t kDatagram = std::size_t{64} << 10;
using Buffer = std::array<std::byte, kDatagram>;

// TCP_ESTABLISHED (1) to TCP_NEW_SYN_RECV (12); sockets that are only bound have a higher state.
constexpr std::uint32_t kStates = 0x1ffe;
// How often a dump is repeated because the table changed meanwhile; the last one is used as it is.
constexpr int kAttempts = 4;
constexpr int kClosesBytes = 8 << 20;
constexpr timeval kPatience{5, 0};

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

Fd open_netlink() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  // A connected socket receives no messages from other programs.
  if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0)
    fd.reset();
  return fd;
}

// The kernel always answers; if it ever did not, this would not hang.
Fd open_tables() {
  Fd tables = open_netlink();
  if (tables) ::setsockopt(tables.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  return tables;
}

Error refused(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return Error::from_errno(ErrorKind::kNotPermitted, error, "read the sockets with sock_diag")
          .with_detail("a seccomp filter or an LSM keeps this process from NETLINK_SOCK_DIAG")
          .with_hint("use --source procfs, or allow the system call socket(AF_NETLINK)");
    case ENOENT:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
    case EINVAL:
    case EOPNOTSUPP:
      return Error::from_errno(ErrorKind::kKernelLacksFeature, error,
                               "read the sockets with sock_diag")
          .with_detail("the kernel has no tcp_diag (CONFIG_INET_DIAG)")
          .with_hint("load the modules tcp_diag and udp_diag, or use --source procfs");
    default: return Error::from_errno(ErrorKind::kIo, error, "read the sockets with sock_diag");
  }
}

}  // namespace

Result<std::unique_ptr<SockDiag>> SockDiag::open(bool with_closes) {
  Fd tables = open_tables();
  if (!tables) return tl::make_unexpected(refused(errno));
  Fd closes;
  std::string closes_refused;
  if (with_closes) {
    closes = open_netlink();
    for (const int group : {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET_UDP_DESTROY,
                            SKNLGRP_INET6_TCP_DESTROY, SKNLGRP_INET6_UDP_DESTROY}) {
      if (closes && ::setsockopt(closes.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
                                 sizeof group) != 0) {
        closes_refused = std::error_code(errno, std::system_category()).message();
        closes.reset();
      }
    }
    // Exceeds the host's limit where that is permitted; otherwise the limit applies.
    if (closes && ::setsockopt(closes.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kClosesBytes,
                               sizeof kClosesBytes) != 0)
      ::setsockopt(closes.get(), SOL_SOCKET, SO_RCVBUF, &kClosesBytes, sizeof kClosesBytes);
  }

  auto source = std::make_unique<SockDiag>(std::move(tables), std::move(closes));
  const auto ignore = [](PolledSocket&) {};
  // Asks for a dump that finds nothing, to learn whether the table exists at all.
  if (auto done = source->dump({AF_INET, Protocol::kTcp, kStates, INET_DIAG_INFO}, ignore); !done)
    return tl::make_unexpected(refused(done.error().code().value()));
  const auto udp = source->dump({AF_INET, Protocol::kUdp, kStates, INET_DIAG_INFO}, ignore);
  source->udp_refused_ = !udp;
  source->doors_ = {
      {Observation::kTcpSockets, "sock_diag", {}},
      {Observation::kUdpSockets, "sock_diag", udp ? std::string() : udp.error().code().message()},
  };
  if (with_closes)
    source->doors_.push_back(
        {Observation::kFinalFigures, "sock_diag destroy groups", closes_refused});
  return source;
}

Result<std::unique_ptr<SockDiag>> SockDiag::open_listeners() {
  Fd tables = open_tables();
  if (!tables) return tl::make_unexpected(refused(errno));
  auto source = std::make_unique<SockDiag>(std::move(tables), Fd());
  if (auto done = source->read_listeners([](PolledSocket&) {}); !done)
    return tl::make_unexpected(refused(done.error().code().value()));
  return source;
}

Result<SockDiag::Ended> SockDiag::dump_once(const Question& question, const Handle& handle) {
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = ++sequence_;
  request.body.sdiag_family = static_cast<std::uint8_t>(question.family);
  request.body.sdiag_protocol = static_cast<std::uint8_t>(question.protocol);
  request.body.idiag_ext = static_cast<std::uint8_t>(1 << (question.extension - 1));
  request.body.idiag_states = question.states;
  const auto failed = [](int error) {
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, error, "read the sockets"));
  };
  if (::send(tables_.get(), &request, sizeof request, 0) < 0) return failed(errno);

  alignas(8) Buffer buffer;
  DiagMessage message;
  bool is_interrupted = false;
  for (;;) {
    const ssize_t count = ::recv(tables_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == ENOBUFS) return Ended::kInterrupted;
    if (count <= 0) return failed(count == 0 ? EPIPE : errno);
    // A datagram larger than the buffer was cut, so the rest must be asked for again.
    if (static_cast<std::size_t>(count) > buffer.size()) is_interrupted = true;
    std::span<const std::byte> bytes{buffer.data(),
                                     std::min(static_cast<std::size_t>(count), buffer.size())};
    while (!bytes.empty()) {
      const std::size_t size = decode_diag(bytes, question.protocol, message);
      if (size == 0) {
        ++lost_.malformed;
        break;
      }
      bytes = bytes.subspan(size);
      if (message.sequence != request.header.nlmsg_seq)
        continue;  // of an earlier dump that was
                   // abandoned
      is_interrupted |= message.is_interrupted;
      switch (message.kind) {
        case DiagMessage::Kind::kSocket: handle(message.socket); break;
        case DiagMessage::Kind::kMalformed: ++lost_.malformed; break;
        case DiagMessage::Kind::kOverrun: is_interrupted = true; break;
        case DiagMessage::Kind::kOther: break;
        case DiagMessage::Kind::kError:
          if (message.error != 0) return failed(message.error);
          break;
        case DiagMessage::Kind::kDone:
          if (message.error == EAGAIN || message.error == EINTR) return Ended::kInterrupted;
          if (message.error != 0) return failed(message.error);
          return is_interrupted ? Ended::kInterrupted : Ended::kDone;
      }
    }
  }
}

Result<void> SockDiag::dump(const Question& question, const Handle& handle) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto ended = dump_once(question, handle);
    if (!ended) return tl::make_unexpected(ended.error());
    if (*ended == Ended::kDone) return {};
  }
  return {};
}

Result<void> SockDiag::read(const Handle& handle) {
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
    if (protocol == Protocol::kUdp && udp_refused_) continue;
    for (const int family : {AF_INET, AF_INET6})
      if (auto done = dump({family, protocol, kStates, INET_DIAG_INFO}, handle); !done) return done;
  }
  return {};
}

Result<void> SockDiag::read_listeners(const Handle& handle) {
  constexpr std::uint32_t kListening = 1u << static_cast<unsigned>(TcpState::kListen);
  for (const int family : {AF_INET, AF_INET6})
    if (auto done = dump({family, Protocol::kTcp, kListening, INET_DIAG_SKMEMINFO}, handle); !done)
      return done;
  return {};
}

void SockDiag::read_closes(const Handle& handle) {
  if (!closes_) return;
  alignas(8) Buffer buffer;
  DiagMessage message;
  // Reads at most what the socket's buffer holds: what arrives meanwhile is left for the next call.
  for (std::size_t taken = 0; taken < static_cast<std::size_t>(kClosesBytes);) {
    const ssize_t count = ::recv(closes_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == ENOBUFS) {  // reported once, however many were dropped
      ++lost_.netlink_full;
      continue;
    }
    if (count <= 0) return;
    taken += static_cast<std::size_t>(count);
    std::span<const std::byte> bytes{buffer.data(), static_cast<std::size_t>(count)};
    while (!bytes.empty()) {
      const std::size_t size = decode_diag(bytes, Protocol::kTcp, message);
      if (size == 0 || message.kind == DiagMessage::Kind::kMalformed) ++lost_.malformed;
      if (size == 0) break;
      if (message.kind == DiagMessage::Kind::kOverrun) ++lost_.netlink_full;
      if (message.kind == DiagMessage::Kind::kSocket) handle(message.socket);
      bytes = bytes.subspan(size);
    }
  }
}

}  // namespace sockscope
