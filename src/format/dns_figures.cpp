// SPDX-License-Identifier: Apache-2.0
#include "format/dns_figures.h"

#include <algorithm>

#include "base/text.h"

namespace sockscope::netwatch {

void DnsFigures::make_room() {
  while (names_.size() >= kMostNames) {
    const std::uint64_t least =
        std::min_element(names_.begin(), names_.end(), [](const auto& left, const auto& right) {
          return left.second < right.second;
        })->second;
    std::erase_if(names_, [least](const auto& name) { return name.second == least; });
  }
}

void DnsFigures::take(const Event& event) {
  const auto* const passed = std::get_if<event::Dns>(&event.what);
  if (passed == nullptr || event.flow.remote.port != dns::kPort) return;
  const DnsMessage& dns = *passed->message;
  if (dns.is_answer == passed->sent) return;
  if (dns.is_unanswered) {
    ++unanswered_;
    return;
  }
  if (!dns.is_answer) {
    ++queries_;
    std::string name = dns.name;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!names_.contains(name)) make_room();
    ++names_[name];
    return;
  }
  ++answers_;
  if (dns.rcode == dns::kNxDomain) ++unknown_names_;
  if (!dns.latency_us) return;
  constexpr std::array<std::uint64_t, 7> kBelowMs = {5, 10, 25, 50, 100, 250, 500};
  const auto bucket = std::upper_bound(kBelowMs.begin(), kBelowMs.end(), *dns.latency_us / 1000);
  ++latencies_[static_cast<std::size_t>(bucket - kBelowMs.begin())];
}

DnsAnalytics DnsFigures::figures() const {
  DnsAnalytics made{.total_queries = queries_,
                    .total_responses = answers_,
                    .nxdomain_count = unknown_names_,
                    .unanswered_count = unanswered_,
                    .latency_buckets = {latencies_.begin(), latencies_.end()},
                    .top_domains = {}};
  for (const auto& [name, count] : names_) made.top_domains.push_back({clean_text(name), count});
  std::sort(made.top_domains.begin(), made.top_domains.end(),
            [](const NameCount& left, const NameCount& right) {
              return left.count != right.count ? left.count > right.count : left.name < right.name;
            });
  if (made.top_domains.size() > kTopNames) made.top_domains.resize(kTopNames);
  return made;
}

}  // namespace sockscope::netwatch
