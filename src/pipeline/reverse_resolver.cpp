// SPDX-License-Identifier: Apache-2.0
#include "pipeline/reverse_resolver.h"

#include <sys/random.h>

#include <algorithm>

#include "base/file.h"
#include "decode/dns.h"
#include "decode/host_files.h"

namespace sockscope {
namespace {

std::uint16_t random_id() {
  std::uint16_t id = 0;
  (void)::getrandom(&id, sizeof id, 0);
  return id;
}

}  // namespace

Result<ReverseResolver> ReverseResolver::open(std::uint32_t netns) {
  auto client = DnsClient::open(parse_resolv_conf(read_text("/etc/resolv.conf")));
  if (!client) return tl::make_unexpected(std::move(client).error());
  ReverseResolver resolver(std::move(*client), netns);
  auto done = resolver.waker_.open();
  if (done) done = resolver.waker_.add(resolver.client_.fd());
  if (!done) return tl::make_unexpected(std::move(done).error());
  return resolver;
}

void ReverseResolver::work(std::uint64_t now_ns) {
  client_.receive([&](const DnsMessage& answer, const Endpoint& server) {
    names_.take(answer, server, now_ns);
  });
  names_.expire(now_ns);
  while (const auto question = names_.next(random_id(), now_ns))
    client_.send(question->attempt,
                 make_dns_query(question->id, reverse_name(question->address), dns::kPtr));
  const std::uint64_t deadline = names_.deadline_ns();
  waker_.wake_after(deadline == 0 ? 0 : std::max(deadline, now_ns + 1) - now_ns);
}

std::shared_ptr<const RemoteName> ReverseResolver::find(const Flow& flow, std::uint64_t now_ns) {
  const Address& remote = flow.remote.addr;
  if (flow.remote_name || remote.is_unspecified() || remote.is_loopback()) return nullptr;
  const bool is_multicast = remote.family == 4 ? remote.bytes[0] >= 224 : remote.bytes[0] == 0xff;
  const bool is_of_link =
      remote.family == 4 ? remote.bytes[0] == 169 && remote.bytes[1] == 254 : remote.is_of_zone();
  if (is_multicast || is_of_link || (flow.netns != netns_ && !remote.is_global())) return nullptr;
  return names_.find(remote, now_ns);
}

}  // namespace sockscope
