// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "host/interfaces.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class InterfaceRatesTest : public testing::Test {
 protected:
  Interface read(std::uint64_t seconds, std::uint64_t rx, std::uint64_t tx,
                 std::uint32_t index = 2) {
    Interface interface;
    interface.index = index;
    interface.name = "eth0";
    interface.counters.rx_bytes = rx;
    interface.counters.tx_bytes = tx;
    std::vector<Interface> all{interface};
    rates_.update(seconds * kSecond, all);
    return all[0];
  }
  void read_nothing(std::uint64_t seconds) {
    std::vector<Interface> none;
    rates_.update(seconds * kSecond, none);
  }
  static void expect_first(const Interface& interface) {
    EXPECT_FALSE(interface.rx_rate);
    EXPECT_FALSE(interface.tx_rate);
    EXPECT_EQ(interface.rx_bytes_delta, 0u);
    EXPECT_EQ(interface.tx_bytes_delta, 0u);
    EXPECT_TRUE(interface.rx_history.empty());
    EXPECT_TRUE(interface.tx_history.empty());
  }

  InterfaceRates rates_;
};

TEST_F(InterfaceRatesTest, BytesPerSecondBetweenTwoReadings) {
  expect_first(read(1, 1000, 500));
  const Interface second = read(3, 3000, 501);
  EXPECT_EQ(second.rx_bytes_delta, 2000u);
  EXPECT_EQ(second.tx_bytes_delta, 1u);
  EXPECT_EQ(second.rx_rate, 1000.0);
  EXPECT_EQ(second.tx_rate, 0.5);
  EXPECT_EQ(second.rx_history, std::vector<std::uint64_t>{1000});
}

TEST_F(InterfaceRatesTest, HistoryHasTheLastSixty) {
  std::uint64_t rx = 0;
  for (std::uint64_t second = 0; second <= 70; ++second) {
    rx += second;
    const Interface interface = read(second + 1, rx, 0);
    EXPECT_EQ(interface.rx_history.size(), std::min<std::size_t>(second, 60));
    if (second == 70) {
      EXPECT_EQ(interface.rx_history.front(), 11u);
      EXPECT_EQ(interface.rx_history.back(), 70u);
    }
  }
}

TEST_F(InterfaceRatesTest, CountersThatWentBackStartAnew) {
  read(1, 4'294'960'000, 100);  // as a 32-bit counter does
  read(2, 4'294'967'000, 200);
  expect_first(read(3, 500, 300));
  const Interface after = read(4, 1500, 400);
  EXPECT_EQ(after.rx_rate, 1000.0);
  EXPECT_EQ(after.rx_history.size(), 1u);
}

TEST_F(InterfaceRatesTest, OneThatVanishedIsForgotten) {
  read(1, 100, 100);
  read(2, 200, 200);
  read_nothing(3);
  expect_first(read(4, 400, 400));
}

TEST_F(InterfaceRatesTest, OneMadeAnewUnderTheSameNameIsAnother) {
  read(1, 100, 100, 2);
  expect_first(read(2, 5000, 5000, 3));
}

TEST_F(InterfaceRatesTest, TwoReadingsInOneMomentHaveNoRate) {
  read(1, 100, 100);
  expect_first(read(1, 200, 200));
}

}  // namespace
}  // namespace sockscope
