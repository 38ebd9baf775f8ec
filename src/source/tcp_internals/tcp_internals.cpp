// SPDX-License-Identifier: Apache-2.0
#include "source/tcp_internals/tcp_internals.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "decode/tcp_internals.h"

namespace sockscope {

Result<std::optional<TcpInternals>> TcpInternalsReader::read(const Flow& flow) {
  const auto failed = [](int error) {
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kIo, error, "ask the kernel about a connection"));
  };
  if (flow.protocol != Protocol::kTcp || flow.cookie == 0) return std::nullopt;
  if (!socket_) {
    socket_ = Fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!socket_) return failed(errno);
    // The kernel answers before the request returns; this only limits the wait after an error.
    const timeval patience{.tv_sec = 0, .tv_usec = 100'000};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  inet_diag_req_v2& body = request.body;
  body.sdiag_family = flow.local.addr.family == 6 ? AF_INET6 : AF_INET;
  body.sdiag_protocol = IPPROTO_TCP;
  body.idiag_ext =
      1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1) | 1 << (INET_DIAG_SKMEMINFO - 1);
  body.idiag_states = ~0u;
  body.id.idiag_sport = htons(flow.local.port);
  body.id.idiag_dport = htons(flow.remote.port);
  std::memcpy(body.id.idiag_src, flow.local.addr.bytes.data(), 16);
  std::memcpy(body.id.idiag_dst, flow.remote.addr.bytes.data(), 16);
  body.id.idiag_if = flow.interface;
  body.id.idiag_cookie[0] = static_cast<std::uint32_t>(flow.cookie);
  body.id.idiag_cookie[1] = static_cast<std::uint32_t>(flow.cookie >> 32);
  if (::send(socket_.get(), &request, sizeof request, 0) < 0) return failed(errno);
  std::array<std::byte, 8192> answer;
  const ssize_t size = ::recv(socket_.get(), answer.data(), answer.size(), 0);
  if (size < 0) {
    const int error = errno;
    socket_.reset();  // otherwise a late answer could be taken for the next one's
    return failed(error);
  }
  return decode_tcp_internals({answer.data(), static_cast<std::size_t>(size)}, flow.cookie);
}

}  // namespace sockscope
