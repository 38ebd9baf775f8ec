// SPDX-License-Identifier: Apache-2.0
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "host/netlink.h"

namespace sockscope {
namespace {

tl::unexpected<Error> io_error(int err, std::string doing) {
  return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, err, std::move(doing)));
}

}  // namespace

Result<RouteSocket> RouteSocket::open() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return io_error(errno, "ask the kernel for its interfaces");
  // The kernel answers within our system call; this limits the wait if it ever does not.
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  // Allows the kernel to leave out other tables than those asked for, where it can.
  const int strict = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
  return RouteSocket(std::move(fd));
}

Result<RouteSocket::Dumped> RouteSocket::dump_once(std::uint16_t type, std::uint8_t family,
                                                   const Take& take) {
  struct {
    nlmsghdr header;
    union {
      ifinfomsg link;
      ifaddrmsg address;
      rtmsg route;
    } body;
  } request{};
  std::size_t body_size = sizeof request.body.link;
  if (type == RTM_GETADDR) {
    body_size = sizeof request.body.address;
    request.body.address.ifa_family = family;
  } else if (type == RTM_GETROUTE) {
    body_size = sizeof request.body.route;
    request.body.route.rtm_family = family;
    request.body.route.rtm_table = RT_TABLE_MAIN;
  } else {
    request.body.link.ifi_family = family;
  }
  request.header.nlmsg_len = static_cast<std::uint32_t>(sizeof request.header + body_size);
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = ++sequence_;
  if (::send(fd_.get(), &request, request.header.nlmsg_len, 0) < 0)
    return io_error(errno, "ask the kernel for its interfaces");

  bool interrupted = false;
  for (;;) {
    const ssize_t count = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return io_error(count < 0 ? errno : EPROTO, "read the kernel's interfaces");
    auto datagram = std::span<const std::byte>(buffer_).first(static_cast<std::size_t>(count));
    while (const auto message = take_netlink_message(datagram)) {
      if (message->sequence != sequence_) continue;  // of an earlier dump that was abandoned
      if ((message->flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
        const int error = netlink_error(*message);
        if (error != 0) return io_error(error, "read the kernel's interfaces");
        return interrupted ? Dumped::kInterrupted : Dumped::kWhole;
      }
      take(*message);
    }
  }
}

Result<void> RouteSocket::dump(std::uint16_t type, std::uint8_t family,
                               const std::function<void()>& restart, const Take& take) {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    restart();
    auto dumped = dump_once(type, family, take);
    if (!dumped) return tl::make_unexpected(std::move(dumped).error());
    if (*dumped == Dumped::kWhole) break;
  }
  return {};  // the table changes all the time, so the last reading is used
}

}  // namespace sockscope
