// SPDX-License-Identifier: Apache-2.0
#include "host/probe_rounds.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kWall = 1'700'000'000'000'000'000;

ProbeRounds::Moment at(std::uint64_t ms) {
  return {5000 * kMs + ms * kMs, kWall + ms * kMs};
}

ProbeHealth health_of(const ProbeRounds& rounds) {
  ProbeHealth health;
  rounds.fill(health);
  return health;
}

TEST(ProbeRounds, MeanOfThreeAnswers) {
  ProbeRounds rounds;
  EXPECT_TRUE(rounds.is_due(at(0).mono_ns));
  rounds.begin(at(0), 65535);  // sequence numbers wrap around
  rounds.answer(65535, at(10).wall_ns, at(500));
  rounds.answer(0, at(20).wall_ns, at(500));
  rounds.answer(0, at(99).wall_ns, at(500));  // a second copy
  rounds.answer(2, at(5).wall_ns, at(500));   // not of this round
  rounds.settle(at(500).mono_ns);
  EXPECT_TRUE(rounds.is_under_way());
  EXPECT_FALSE(health_of(rounds).loss_pct);
  rounds.answer(1, at(60).wall_ns, at(500));
  rounds.settle(at(500).mono_ns);
  EXPECT_FALSE(rounds.is_under_way());
  EXPECT_EQ(health_of(rounds).rtt_ms, 30.0);
  EXPECT_EQ(health_of(rounds).loss_pct, 0.0);
  EXPECT_FALSE(rounds.is_due(at(999).mono_ns));
  EXPECT_TRUE(rounds.is_due(at(1000).mono_ns));
}

TEST(ProbeRounds, LossAndASlotForEachRound) {
  ProbeRounds rounds;
  rounds.begin(at(0), 1);
  rounds.answer(2, at(8).wall_ns, at(900));
  rounds.settle(at(999).mono_ns);
  EXPECT_TRUE(rounds.is_under_way());
  rounds.settle(at(1000).mono_ns);
  EXPECT_NEAR(*health_of(rounds).loss_pct, 66.67, 0.01);
  EXPECT_EQ(health_of(rounds).rtt_ms, 8.0);
  rounds.begin(at(1000), 4);
  rounds.settle(at(2000).mono_ns);
  const ProbeHealth health = health_of(rounds);
  EXPECT_EQ(health.loss_pct, 100.0);
  EXPECT_FALSE(health.rtt_ms);
  EXPECT_EQ(health.rtt_history, (std::vector<std::optional<double>>{8.0, std::nullopt}));
  for (std::uint64_t i = 2; i < 100; ++i) {
    rounds.begin(at(i * 1000), 1);
    rounds.settle(at(i * 1000 + 1000).mono_ns);
  }
  EXPECT_EQ(health_of(rounds).rtt_history.size(), 60u);
}

TEST(ProbeRounds, LateReadingDoesNotMakeTheTripLonger) {
  ProbeRounds rounds;
  rounds.begin(at(0), 1);
  for (const std::uint16_t number : {std::uint16_t{1}, std::uint16_t{2}, std::uint16_t{3}})
    rounds.answer(number, at(4).wall_ns, at(9000));
  rounds.settle(at(9000).mono_ns);
  EXPECT_EQ(health_of(rounds).rtt_ms, 4.0);
}

TEST(ProbeRounds, AnswersAfterTheirSecondAreLost) {
  ProbeRounds rounds;
  rounds.begin(at(0), 1);
  rounds.answer(1, at(1001).wall_ns, at(1002));
  rounds.settle(at(1002).mono_ns);
  EXPECT_EQ(health_of(rounds).loss_pct, 100.0);
}

TEST(ProbeRounds, AClockThatIsSetDoesNotMatter) {
  ProbeRounds rounds;
  rounds.begin(at(0), 1);
  rounds.answer(1, kWall - 3600 * 1000 * kMs, at(12));
  rounds.answer(2, kWall + 3600 * 1000 * kMs, at(12));
  rounds.answer(3, 0, at(12));
  rounds.settle(at(12).mono_ns);
  EXPECT_EQ(health_of(rounds).rtt_ms, 12.0);
}

}  // namespace
}  // namespace sockscope
