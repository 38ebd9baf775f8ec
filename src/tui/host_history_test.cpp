// SPDX-License-Identifier: Apache-2.0
#include "tui/host_history.h"

#include <gtest/gtest.h>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

TEST(HostHistory, finds_the_reading_of_a_sample_or_the_one_before) {
  HostHistory history;
  EXPECT_FALSE(history.index_at(7));
  history.add(web_facts(0), {}, 5);
  history.add(web_facts(1), {}, 6);
  history.add(web_facts(2), {}, 9);
  EXPECT_FALSE(history.index_at(4));
  EXPECT_EQ(history.index_at(5), 0u);
  EXPECT_EQ(history.index_at(8), 1u);
  EXPECT_EQ(history.index_at(100), 2u);
}

TEST(HostHistory, tells_the_last_sixty_rates_of_each_interface_again) {
  HostHistory history;
  for (std::uint64_t second = 0; second < 70; ++second) {
    HostFacts facts = web_facts(second);
    facts.interfaces[1].tx_rate =
        second == 0 ? std::nullopt : std::optional(1000.0 + static_cast<double>(second));
    if (second == 40)
      facts.interfaces.erase(facts.interfaces.begin());  // lo is missing for a
                                                         // moment
    history.add(facts, {}, second + 1);
  }
  const HostFacts facts = history.facts(69);
  ASSERT_EQ(facts.interfaces[1].tx_history.size(), 60u);
  EXPECT_EQ(facts.interfaces[1].tx_history.front(), 1010u);
  EXPECT_EQ(facts.interfaces[1].tx_history.back(), 1069u);
  EXPECT_EQ(facts.interfaces[0].rx_history.size(), 59u);
  EXPECT_TRUE(history.facts(0).interfaces[1].tx_history.empty());
  EXPECT_EQ(history.facts(3).interfaces[1].tx_history.size(), 3u);
}

TEST(HostHistory, forgets_what_is_too_old_or_too_much) {
  HostHistory by_age({.span_ns = 10 * kTestSecond});
  for (std::uint64_t second = 0; second < 100; ++second)
    by_age.add(web_facts(second), {}, second + 1);
  EXPECT_EQ(by_age.size(), 11u);
  EXPECT_FALSE(by_age.index_at(89));
  HostHistory by_size({.bytes = 100'000});
  for (std::uint64_t second = 0; second < 100; ++second)
    by_size.add(web_facts(second), {}, second + 1);
  EXPECT_LE(by_size.bytes(), 100'000u);
  EXPECT_GE(by_size.size(), 10u);
  // More interfaces than fit: the newest reading is always there.
  HostFacts many = web_facts(100);
  many.interfaces.resize(10'000, many.interfaces[0]);
  by_size.add(many, {}, 101);
  EXPECT_EQ(by_size.size(), 1u);
}

}  // namespace
}  // namespace sockscope::tui
