// SPDX-License-Identifier: Apache-2.0
#include "track/dns_queries.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace sockscope {

std::string dns_lower(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

std::size_t DnsQueries::Hash::operator()(const Key& key) const noexcept {
  const std::size_t number = static_cast<std::size_t>(key.cookie) << 20 ^
                             static_cast<std::size_t>(key.local.port) << 16 ^ key.id ^ key.type;
  return std::hash<std::string>{}(key.name) ^ number * 0x9e3779b97f4a7c15u;
}

std::optional<std::uint64_t> DnsQueries::note(const Event& event) {
  const DnsMessage& dns = *event.dns;
  if (event.mono_ns - began_ns_ > kPatienceNs || young_.size() >= kMost / 2) {
    old_ = std::exchange(young_, {});
    began_ns_ = event.mono_ns;
  }
  Key key{event.flow.cookie, event.flow.local, dns.id, dns.type, dns_lower(dns.name)};
  if (!dns.is_answer) {
    const auto again = old_.find(key);
    const bool counts = again != old_.end() && event.mono_ns - again->second <= kPatienceNs;
    young_.emplace(std::move(key), counts ? again->second : event.mono_ns);
    return std::nullopt;
  }
  for (Generation* generation : {&young_, &old_}) {
    const auto query = generation->find(key);
    if (query == generation->end()) continue;
    const std::uint64_t since = event.mono_ns - std::min(query->second, event.mono_ns);
    young_.erase(key);
    old_.erase(key);
    if (since > kPatienceNs) return std::nullopt;
    return since;
  }
  return std::nullopt;
}

}  // namespace sockscope
