// SPDX-License-Identifier: Apache-2.0
// How many answers to subscriptions of process events the kernel has sent. It sends them to all
// listeners and numbers them like events, so the answer to another program's subscription may be
// among what was lost.
#pragma once

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>

#include "decode/proc_event.h"
#include "live_support.h"

namespace sockscope::live {

class ProcAcks {
 public:
  ProcAcks() : socket_(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR)) {
    const sockaddr_nl address{
        .nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = CN_IDX_PROC};
    cn_msg message{};
    message.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC};
    message.len = sizeof(proc_cn_mcast_op);
    const proc_cn_mcast_op operation = PROC_CN_MCAST_LISTEN;
    nlmsghdr header{};
    header.nlmsg_len = NLMSG_LENGTH(sizeof message + sizeof operation);
    header.nlmsg_type = NLMSG_DONE;
    std::array<std::byte, NLMSG_LENGTH(sizeof message + sizeof operation)> request{};
    std::memcpy(request.data(), &header, sizeof header);
    std::memcpy(request.data() + NLMSG_HDRLEN, &message, sizeof message);
    std::memcpy(request.data() + NLMSG_HDRLEN + sizeof message, &operation, sizeof operation);
    set_option(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::send(socket_.get(), request.data(), request.size(), 0) < 0)
      throw std::runtime_error("cannot listen to the process events connector");
  }

  // The count until now. Must be called often while much happens, or its own buffer overflows.
  std::uint64_t count() {
    std::array<std::byte, 1 << 16> buffer;
    for (;;) {
      const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0 && errno == EAGAIN) return acks_;
      if (size < 0) throw std::runtime_error("events of processes were lost");
      std::span<const std::byte> datagram(buffer.data(), static_cast<std::size_t>(size));
      ProcMessage message;
      while (!datagram.empty() && take_proc_message(datagram, message))
        acks_ += message.kind == ProcMessage::Kind::kAck;
    }
  }

 private:
  Fd socket_;
  std::uint64_t acks_ = 0;
};

}  // namespace sockscope::live
