// SPDX-License-Identifier: Apache-2.0
#include "source/conntrack/conntrack.h"

#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "decode/rtnetlink.h"

namespace sockscope {
namespace {

// This file exists while connections are tracked at all.
constexpr const char* kInUse = "/proc/sys/net/netfilter/nf_conntrack_count";
constexpr const char* kToldOf = "/proc/sys/net/netfilter/nf_conntrack_events";
constexpr int kEventBytes = 8 << 20;
constexpr timeval kPatience{5, 0};
constexpr const char* kDoing = "read the connections that netfilter translates";
constexpr int kAttempts = 3;

// The larger the reader's buffer, the more the kernel puts into one datagram, up to 32 KiB.
using Buffer = std::array<std::byte, std::size_t{64} << 10>;

constexpr std::uint16_t message_type(int message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | message);
}

Error failed(int error) {
  if (error == EPERM || error == EACCES)
    return Error::from_errno(ErrorKind::kNotPermitted, error, kDoing)
        .with_detail("this user lacks CAP_NET_ADMIN")
        .with_hint("run with sudo");
  return Error::from_errno(ErrorKind::kIo, error, kDoing);
}

Result<Fd> open_netlink() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  // connect() gives the socket an address, without which it receives nothing, and keeps out
  // messages from other programs.
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0)
    return tl::make_unexpected(failed(errno));
  return fd;
}

enum class Dumped { kWhole, kInterrupted };

Result<Dumped> dump_once(int socket, std::uint32_t sequence, const Conntrack::Take& take) {
  struct {
    nlmsghdr header;
    nfgenmsg body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = message_type(IPCTNL_MSG_CT_GET);
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = sequence;
  if (::send(socket, &request, sizeof request, 0) < 0) return tl::make_unexpected(failed(errno));
  alignas(8) Buffer buffer;
  bool is_interrupted = false;
  for (;;) {
    const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return tl::make_unexpected(failed(count < 0 ? errno : EPIPE));
    auto datagram = std::span<const std::byte>(buffer).first(static_cast<std::size_t>(count));
    while (const auto message = take_netlink_message(datagram)) {
      if (message->sequence != sequence) continue;  // of an earlier dump that was abandoned
      is_interrupted |= (message->flags & NLM_F_DUMP_INTR) != 0;
      if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
        if (const int error = netlink_error(*message); error != 0)
          return tl::make_unexpected(failed(error));
        return is_interrupted ? Dumped::kInterrupted : Dumped::kWhole;
      }
      if (const auto entry = decode_conntrack(message->payload)) take(*entry);
    }
  }
}

}  // namespace

bool Conntrack::is_in_use() noexcept {
  return ::access(kInUse, F_OK) == 0;
}

Result<Conntrack> Conntrack::open(const Take& take) {
  if (!is_in_use())
    return tl::make_unexpected(
        Error(ErrorKind::kKernelLacksFeature, {}, kDoing)
            .with_detail(
                "no connections are tracked: nothing was translated when sockscope started"));
  char told = '1';
  if (const Fd setting(::open(kToldOf, O_RDONLY | O_CLOEXEC)); setting)
    (void)!::read(setting.get(), &told, 1);
  if (told == '0')
    return tl::make_unexpected(
        Error(ErrorKind::kNotPermitted, {}, kDoing)
            .with_detail(
                "net.netfilter.nf_conntrack_events is 0: the kernel reports no connections")
            .with_hint("sysctl -w net.netfilter.nf_conntrack_events=1"));
  auto events = open_netlink();
  if (!events) return tl::make_unexpected(std::move(events).error());
  if (::setsockopt(events->get(), SOL_SOCKET, SO_RCVBUFFORCE, &kEventBytes, sizeof kEventBytes) !=
      0)
    ::setsockopt(events->get(), SOL_SOCKET, SO_RCVBUF, &kEventBytes, sizeof kEventBytes);
  for (const int group : {NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY})
    if (::setsockopt(events->get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
      return tl::make_unexpected(failed(errno));

  auto table = open_netlink();
  if (!table) return tl::make_unexpected(std::move(table).error());
  ::setsockopt(table->get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  // When the table changes during the dump, it is read again: an entry may be handed over twice.
  for (std::uint32_t attempt = 1; attempt <= kAttempts; ++attempt) {
    const auto dumped = dump_once(table->get(), attempt, take);
    if (!dumped) return tl::make_unexpected(dumped.error());
    if (*dumped == Dumped::kWhole) break;
  }
  return Conntrack(std::move(*events));
}

Result<void> Conntrack::read(const Take& began, const Take& ended) {
  alignas(8) Buffer buffer;
  for (;;) {
    const ssize_t count = ::recv(events_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
      if (errno != ENOBUFS) return tl::make_unexpected(failed(errno));
      ++overruns_;
      continue;
    }
    auto datagram = std::span<const std::byte>(buffer).first(static_cast<std::size_t>(count));
    while (const auto message = take_netlink_message(datagram)) {
      const auto entry = decode_conntrack(message->payload);
      if (!entry) continue;
      if (message->type == message_type(IPCTNL_MSG_CT_NEW)) began(*entry);
      if (message->type == message_type(IPCTNL_MSG_CT_DELETE)) ended(*entry);
    }
  }
}

}  // namespace sockscope
