// SPDX-License-Identifier: Apache-2.0
#include "source/dns_client/dns_client.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "decode/dns.h"

namespace sockscope {
namespace {

constexpr std::size_t kMostServers = 3;  // the same limit as in the C library
constexpr std::size_t kMostAtOnce = 64;

Fd connect_to(const Address& server) {
  const bool is_v4 = server.family == 4;
  Fd socket(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return {};
  int status = -1;
  if (is_v4) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(dns::kPort);
    std::memcpy(&to.sin_addr, server.bytes.data(), sizeof to.sin_addr);
    status = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
  } else {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(dns::kPort);
    to.sin6_scope_id = ::if_nametoindex(server.zone.name().data());
    std::memcpy(&to.sin6_addr, server.bytes.data(), sizeof to.sin6_addr);
    status = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  return status == 0 ? std::move(socket) : Fd();
}

}  // namespace

Result<DnsClient> DnsClient::open(const std::vector<Address>& servers) {
  DnsClient client;
  client.epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  for (const Address& server : servers) {
    if (client.servers_.size() == kMostServers) break;
    Fd socket = connect_to(server);
    if (!socket) continue;
    if (::epoll_ctl(client.epoll_.get(), EPOLL_CTL_ADD, socket.get(), &wanted) != 0)
      return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "ask name servers"));
    client.servers_.push_back({{server, dns::kPort}, std::move(socket)});
  }
  if (client.servers_.empty())
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {}, "ask name servers")
            .with_detail(servers.empty() ? "there is no name server in /etc/resolv.conf"
                                         : "none of those in /etc/resolv.conf can be reached")
            .with_hint("name one there: nameserver ADDRESS"));
  return client;
}

void DnsClient::send(unsigned attempt, std::span<const std::byte> message) {
  const Server& server = servers_[attempt % servers_.size()];
  (void)::send(server.socket.get(), message.data(), message.size(), MSG_NOSIGNAL);
}

void DnsClient::receive(const Take& take) {
  std::array<std::byte, 4096> buffer;
  for (const Server& server : servers_) {
    for (std::size_t count = 0; count < kMostAtOnce; ++count) {
      const ssize_t size = ::recv(server.socket.get(), buffer.data(), buffer.size(), 0);
      if (size < 0 && errno == ECONNREFUSED) continue;  // about an earlier message
      if (size < 0) break;
      if (const auto answer = parse_dns(std::span(buffer).first(static_cast<std::size_t>(size))))
        take(*answer, server.endpoint);
    }
  }
}

}  // namespace sockscope
