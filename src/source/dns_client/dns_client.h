// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/address.h>
#include <sockscope/dns.h>
#include <sockscope/error.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/fd.h"

namespace sockscope {

// Asks name servers over UDP, without waiting. Each server has its own connected socket with a port
// that the kernel chose, so answers from other addresses are not received. Not thread-safe.
class DnsClient {
 public:
  // Needs no privilege. Servers that cannot be reached (IPv6 on a host without it) are left out.
  // Errors: kInvalidArgument when none is left, kIo.
  static Result<DnsClient> open(const std::vector<Address>& servers);

  // Readable when an answer has arrived.
  int fd() const noexcept { return epoll_.get(); }
  const Endpoint& first_server() const noexcept { return servers_.front().endpoint; }

  // Sends to the server whose turn this attempt is. A message that cannot be sent counts as lost on
  // the way.
  void send(unsigned attempt, std::span<const std::byte> message);

  using Take = std::function<void(const DnsMessage&, const Endpoint& server)>;
  void receive(const Take& take);

 private:
  struct Server {
    Endpoint endpoint;
    Fd socket;
  };
  Fd epoll_;
  std::vector<Server> servers_;
};

}  // namespace sockscope
