// SPDX-License-Identifier: Apache-2.0
#include "host/cpu_usage.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

SystemFacts update(CpuUsage& usage, std::string_view text) {
  SystemFacts facts;
  usage.update(parse_cpu_stat(text), facts);
  return facts;
}

TEST(CpuUsage, IsTheBusyPartBetweenTwoReadings) {
  CpuUsage usage;
  const SystemFacts first = update(usage, "cpu 100 0 0 900\ncpu0 50 0 0 450\ncpu1 50 0 0 450\n");
  EXPECT_FALSE(first.cpu_usage_pct);
  EXPECT_TRUE(first.cpu_per_core.empty());
  const SystemFacts second = update(usage, "cpu 133 0 0 967\ncpu0 83 0 0 517\ncpu1 50 0 0 550\n");
  EXPECT_EQ(second.cpu_usage_pct, 33.0);
  EXPECT_EQ(second.cpu_per_core, (std::vector<double>{33.0, 0.0}));
}

TEST(CpuUsage, HasOneDecimal) {
  CpuUsage usage;
  update(usage, "cpu 0 0 0 0\n");
  EXPECT_EQ(update(usage, "cpu 1 0 0 2\n").cpu_usage_pct, 33.3);
}

TEST(CpuUsage, IsNotKnownWhenNoTimePassedOrACoreWasAdded) {
  CpuUsage usage;
  update(usage, "cpu 1 0 0 2\ncpu0 1 0 0 2\n");
  EXPECT_FALSE(update(usage, "cpu 1 0 0 2\ncpu0 1 0 0 2\n").cpu_usage_pct);
  const SystemFacts facts = update(usage, "cpu 5 0 0 2\ncpu0 5 0 0 2\ncpu1 1 0 0 0\n");
  EXPECT_EQ(facts.cpu_usage_pct, 100.0);
  EXPECT_TRUE(facts.cpu_per_core.empty());
}

TEST(CpuUsage, IsNeverNegative) {
  CpuUsage usage;
  update(usage, "cpu 100 0 0 900\n");
  EXPECT_EQ(update(usage, "cpu 90 0 0 1000\n").cpu_usage_pct, 0.0);
}

}  // namespace
}  // namespace sockscope
