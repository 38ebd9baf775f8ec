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

// Looks up what remote ends without a name are called, in reverse (PTR), at the name servers of
// /etc/resolv.conf. Nothing waits: names are there some time after they were first wanted.
class ReverseResolver {
 public:
  // Errors: kInvalidArgument when there is no name server, kIo.
  static Result<ReverseResolver> open(std::uint32_t netns);

  int fd() const noexcept { return waker_.fd(); }
  // At events of fd(), and any time: takes answers, sends what waits.
  void work(std::uint64_t now_ns);
  // What the remote end of a flow is called, as far as it is known; else it is looked up. Null also
  // for flows that have a name or no remote end, and for addresses that mean nothing to a name
  // server (loopback, of one link, multicast, private ones of another network namespace).
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
