// SPDX-License-Identifier: Apache-2.0
#include "format/dns_figures.h"

#include <gtest/gtest.h>

namespace sockscope::netwatch {
namespace {

Event message(std::string name, bool is_answer, std::uint16_t rcode = 0,
              std::optional<std::uint64_t> latency_us = std::nullopt) {
  DnsMessage dns;
  dns.is_answer = is_answer;
  dns.name = std::move(name);
  dns.rcode = rcode;
  dns.latency_us = latency_us;
  Event event;
  event.flow.remote.port = dns::kPort;
  event.what =
      event::Dns{.sent = !is_answer, .message = std::make_shared<DnsMessage>(std::move(dns))};
  return event;
}

TEST(DnsFigures, CountWhatThisHostAskedAndGot) {
  DnsFigures figures;
  figures.take(message("a.example", false));
  figures.take(message("A.Example", false));
  figures.take(message("b.example", false));
  figures.take(message("b.example", true, dns::kNxDomain, 4'999));
  for (const std::uint64_t us : {5'000, 9'999, 10'000, 499'999, 500'000, 4'000'000})
    figures.take(message("a.example", true, 0, us));
  figures.take(message("a.example", true));  // an answer without a query
  Event served = message("c.example", false);
  std::get<event::Dns>(served.what).sent = false;
  served.flow.remote.port = 40'000;
  served.flow.local.port = dns::kPort;
  figures.take(served);
  Event other;
  other.what = event::Close{};
  other.flow.remote.port = dns::kPort;
  figures.take(other);
  EXPECT_EQ(figures.figures(), (DnsAnalytics{.total_queries = 3,
                                             .total_responses = 8,
                                             .nxdomain_count = 1,
                                             .unanswered_count = 0,
                                             .latency_buckets = {1, 2, 1, 0, 0, 0, 1, 2},
                                             .top_domains = {{"a.example", 2}, {"b.example", 1}}}));
}

TEST(DnsFigures, AFloodOfNamesLeavesTheFrequentOnes) {
  DnsFigures figures;
  for (int i = 0; i < 3; ++i) figures.take(message("often.example", false));
  for (std::size_t i = 0; i < 5 * DnsFigures::kMostNames; ++i)
    figures.take(message(std::to_string(i) + ".flood", false));
  const DnsAnalytics made = figures.figures();
  EXPECT_LE(made.top_domains.size(), DnsFigures::kTopNames);
  ASSERT_FALSE(made.top_domains.empty());
  EXPECT_EQ(made.top_domains.front(), (NameCount{"often.example", 3}));
  EXPECT_EQ(made.total_queries, 5 * DnsFigures::kMostNames + 3);
}

}  // namespace
}  // namespace sockscope::netwatch
