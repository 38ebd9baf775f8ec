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

void DnsQueries::forget(Queries::value_type& query) {
  by_age_.erase(query.second.by_age);
  queries_.erase(query.first);
}

void DnsQueries::advance(std::uint64_t now_ns,
                         const std::function<void(const Event&)>& unanswered) {
  while (next_ns() < now_ns) {
    Queries::value_type& query = *by_age_.front();
    const auto sent = std::move(query.second.sent);
    forget(query);
    if (sent) unanswered(*sent);
  }
}

std::optional<std::uint64_t> DnsQueries::note(const Event& event) {
  const auto& [is_sent, message] = std::get<event::Dns>(event.what);
  const DnsMessage& dns = *message;
  Key key{event.flow.cookie, {}, dns.id, dns.type, dns_lower(dns.name)};
  if (key.cookie == 0) key.local = event.flow.local;
  if (dns.is_answer) {
    const auto query = queries_.find(key);
    if (query == queries_.end()) return std::nullopt;
    const std::uint64_t since = event.mono_ns - std::min(query->second.asked_ns, event.mono_ns);
    forget(*query);
    if (since > kPatienceNs) return std::nullopt;
    return since;
  }
  const auto [query, is_new] = queries_.try_emplace(std::move(key));
  if (!is_new) return std::nullopt;
  query->second.asked_ns = event.mono_ns;
  if (is_sent) query->second.sent = std::make_unique<const Event>(event);
  query->second.by_age = by_age_.insert(by_age_.end(), &*query);
  if (queries_.size() > kMost) forget(*by_age_.front());
  return std::nullopt;
}

}  // namespace sockscope
