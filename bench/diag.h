// SPDX-License-Identifier: Apache-2.0
// The kernel's own answer to "which sockets exist": inet_diag over netlink, read and walked through
// without keeping anything. No tool that asks for TCP's figures this way can do less.
#pragma once

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/fd.h"

namespace bench {

class InetDiag {
 public:
  InetDiag()
      : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)),
        buffer_(std::size_t{64} << 10) {}

  // Reads all sockets of a protocol, IPv4 and IPv6, in all states. Returns how many; 0 on an error.
  std::size_t dump(std::uint8_t protocol) {
    return dump_family(protocol, AF_INET) + dump_family(protocol, AF_INET6);
  }

  // Uses what was read, so that no compiler can leave out the walk.
  std::uint64_t round_trip_times() const { return round_trip_times_; }

 private:
  std::size_t dump_family(std::uint8_t protocol, std::uint8_t family) {
    struct {
      nlmsghdr header;
      inet_diag_req_v2 request;
    } message{};
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.request.sdiag_family = family;
    message.request.sdiag_protocol = protocol;
    message.request.idiag_states = ~0u;
    if (protocol == 6) message.request.idiag_ext = 1u << (INET_DIAG_INFO - 1);
    if (::send(socket_.get(), &message, sizeof message, 0) < 0) return 0;
    std::size_t sockets = 0;
    for (;;) {
      const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
      if (size <= 0) return 0;
      auto left = static_cast<std::uint32_t>(size);
      for (auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data()); NLMSG_OK(header, left);
           header = NLMSG_NEXT(header, left)) {
        if (header->nlmsg_type == NLMSG_DONE) return sockets;
        if (header->nlmsg_type == NLMSG_ERROR) return 0;
        walk(*header);
        ++sockets;
      }
    }
  }

  void walk(nlmsghdr& header) {
    auto* socket = static_cast<inet_diag_msg*>(NLMSG_DATA(&header));
    auto left = header.nlmsg_len - static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof *socket));
    for (auto* attribute = reinterpret_cast<rtattr*>(socket + 1); RTA_OK(attribute, left);
         attribute = RTA_NEXT(attribute, left)) {
      if (attribute->rta_type != INET_DIAG_INFO) continue;
      std::uint32_t rtt = 0;
      std::memcpy(&rtt, static_cast<char*>(RTA_DATA(attribute)) + offsetof(tcp_info, tcpi_rtt),
                  sizeof rtt);
      round_trip_times_ += rtt;
    }
  }

  sockscope::Fd socket_;
  std::vector<char> buffer_;
  std::uint64_t round_trip_times_ = 0;
};

}  // namespace bench
