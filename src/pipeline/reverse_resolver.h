// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "pipeline/waker.h"
#include "source/dns_client/dns_client.h"
#include "track/reverse_names.h"

namespace sockscope {

// Looks up remote ends that have no name in reverse (PTR), at the name servers of /etc/resolv.conf.
// No call waits: a name is available some time after it was first wanted.
class ReverseResolver {
 public:
  // Errors: kInvalidArgument when there is no name server, kIo.
  static Result<ReverseResolver> open(std::uint32_t netns);

  int fd() const noexcept { return waker_.fd(); }
  // To be called when fd() is readable, and at any time: takes answers, sends what waits.
  void work(std::uint64_t now_ns);
  // The name of a flow's remote end if it is known; otherwise it is looked up. Null also for flows
  // that already have a name or have no remote end, and for addresses that no name server knows
  // (loopback, link-local, multicast, private ones of another network namespace).
  std::shared_ptr<const RemoteName> find(const Flow& flow, std::uint64_t now_ns);
  bool is_idle() const noexcept { return names_.is_idle(); }
  std::string door() const { return "PTR/" + to_string(client_.first_server()); }

 private:
  ReverseResolver(DnsClient client, std::uint32_t netns)
      : client_(std::move(client)), netns_(netns) {}

  DnsClient client_;
  Waker waker_;
  std::uint32_t netns_;
  ReverseNames names_;
};

}  // namespace sockscope
