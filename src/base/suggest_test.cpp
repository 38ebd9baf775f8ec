// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.h"

#include <gtest/gtest.h>

#include <array>

namespace sockscope {
namespace {

constexpr std::array<std::string_view, 6> kWords{"pid",   "proto",    "port",
                                                 "state", "snapshot", "rx_rate"};

TEST(Nearest, FindsOneSlip) {
  EXPECT_EQ(nearest("prot", kWords), "proto");  // a letter is missing; the first among equals
  EXPECT_EQ(nearest("statee", kWords), "state");
  EXPECT_EQ(nearest("stave", kWords), "state");
  EXPECT_EQ(nearest("pdi", kWords), "pid");  // two letters are swapped, which is one slip
  EXPECT_EQ(nearest("PID", kWords), "pid");
}

TEST(Nearest, ANameThatBeginsWithTheWordComesFirst) {
  constexpr std::array<std::string_view, 3> kKeys{"cwnd", "rwnd_limited", "retr"};
  EXPECT_EQ(nearest("rwnd", kKeys), "rwnd_limited");
  EXPECT_EQ(nearest("RWND", kKeys), "rwnd_limited");
  EXPECT_EQ(nearest("cwn", kKeys), "cwnd");
  EXPECT_EQ(nearest("rw", kKeys), "");
}

TEST(Nearest, LongerWordsMayHaveMoreSlips) {
  EXPECT_EQ(nearest("snpashto", kWords), "snapshot");
  EXPECT_EQ(nearest("rxrate", kWords), "rx_rate");
}

TEST(Nearest, IsEmptyWhenNothingIsNear) {
  EXPECT_EQ(nearest("wibble", kWords), "");
  EXPECT_EQ(nearest("xyd", kWords), "");
  EXPECT_EQ(nearest("", kWords), "");
  EXPECT_EQ(nearest("pid", {}), "");
  EXPECT_EQ(nearest(std::string(1000, 'p'), kWords), "");
  EXPECT_EQ(nearest("x", std::array<std::string_view, 1>{"p"}), "");
}

TEST(Nearest, TakesTheClosest) {
  EXPECT_EQ(nearest("columnss", std::array<std::string_view, 2>{"column", "columns"}), "columns");
}

TEST(DidYouMean, IsTheEndOfAMessage) {
  EXPECT_EQ(did_you_mean("prot", kWords), ": did you mean 'proto'?");
  EXPECT_EQ(did_you_mean("wibble", kWords), "");
}

TEST(CommaList, JoinsWords) {
  EXPECT_EQ(comma_list({}), "");
  EXPECT_EQ(comma_list(std::array<std::string_view, 2>{"a", "b"}), "a, b");
}

}  // namespace
}  // namespace sockscope
