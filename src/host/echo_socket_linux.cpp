// SPDX-License-Identifier: Apache-2.0
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "decode/icmp_echo.h"
#include "host/echo_socket.h"

namespace sockscope {

EchoSocket::EchoSocket(std::uint8_t family) : family_(family) {
  const int domain = family == 4 ? AF_INET : AF_INET6;
  const int protocol = family == 4 ? static_cast<int>(IPPROTO_ICMP) : IPPROTO_ICMPV6;
  constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  fd_ = Fd(::socket(domain, SOCK_DGRAM | kFlags, protocol));
  if (!fd_) {
    is_raw_ = true;
    fd_ = Fd(::socket(domain, SOCK_RAW | kFlags, protocol));
  }
  if (!fd_) {
    error_ = errno;
    return;
  }
  ::getrandom(&token_, sizeof token_, 0);
  ::getrandom(&identifier_, sizeof identifier_, 0);
  const int on = 1;
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  if (is_raw_) keep_only_own();
}

// A raw socket receives every ICMP packet of the host; packets of others would leave no room in its
// buffer for ours.
void EchoSocket::keep_only_own() {
  constexpr std::uint32_t kReply4 = ICMP_ECHOREPLY;
  constexpr std::uint32_t kReply6 = ICMPV6_ECHO_REPLY;
  constexpr std::uint32_t kIdentifier = 4;
  // IPv4 packets come with their header; its length is loaded into X.
  std::array<sock_filter, 7> program{{
      {BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0},
      {BPF_LD | BPF_B | BPF_IND, 0, 0, 0},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, kReply4},
      {BPF_LD | BPF_H | BPF_IND, 0, 0, kIdentifier},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, identifier_},
      {BPF_RET | BPF_K, 0, 0, 0xffff},
      {BPF_RET | BPF_K, 0, 0, 0},
  }};
  if (family_ == 6) {
    program[0] = {BPF_LDX | BPF_W | BPF_IMM, 0, 0, 0};
    program[2].k = kReply6;
  }
  const sock_fprog filter{program.size(), program.data()};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

bool EchoSocket::send(const Address& to, std::uint32_t index, std::uint16_t sequence) {
  if (!fd_) return false;
  const EchoBytes request = encode_echo_request(
      family_, {.identifier = identifier_, .sequence = sequence, .token = token_});
  sockaddr_in address4{};
  sockaddr_in6 address6{};
  const auto* address = reinterpret_cast<const sockaddr*>(&address4);
  socklen_t size = sizeof address4;
  if (family_ == 4) {
    address4.sin_family = AF_INET;
    std::memcpy(&address4.sin_addr, to.bytes.data(), sizeof address4.sin_addr);
  } else {
    address6.sin6_family = AF_INET6;
    std::memcpy(&address6.sin6_addr, to.bytes.data(), sizeof address6.sin6_addr);
    const bool is_link_local = to.bytes[0] == 0xfe && (to.bytes[1] & 0xc0) == 0x80;
    if (is_link_local) address6.sin6_scope_id = index;
    address = reinterpret_cast<const sockaddr*>(&address6);
    size = sizeof address6;
  }
  // The error of an earlier request (host unreachable) may be reported here, once.
  for (int i = 0; i < 2; ++i)
    if (::sendto(fd_.get(), request.data(), request.size(), 0, address, size) >= 0) return true;
  return false;
}

void EchoSocket::receive(const Take& take) {
  constexpr int kMost = 256;  // per call, because somebody might send without end
  for (int i = 0; fd_ && i < kMost; ++i) {
    std::array<std::byte, 256> packet;
    alignas(cmsghdr) std::array<std::byte, 256> control;
    iovec part{packet.data(), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count < 0) continue;  // the error of an earlier request
    const auto echo = decode_echo_reply(family_, is_raw_,
                                        std::span(packet).first(static_cast<std::size_t>(count)));
    // For an unprivileged socket the kernel chooses the identifier, and filters by it.
    if (!echo || echo->token != token_ || (is_raw_ && echo->identifier != identifier_)) continue;
    std::uint64_t wall_ns = 0;
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
         head = CMSG_NXTHDR(&message, head)) {
      if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_TIMESTAMPNS) continue;
      timespec stamp;
      std::memcpy(&stamp, CMSG_DATA(head), sizeof stamp);
      wall_ns = static_cast<std::uint64_t>(stamp.tv_sec) * 1'000'000'000u +
                static_cast<std::uint64_t>(stamp.tv_nsec);
    }
    take(echo->sequence, wall_ns);
  }
}

}  // namespace sockscope
