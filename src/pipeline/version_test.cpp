// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sockscope/monitor.h>
#include <sockscope/version.h>

namespace sockscope {
namespace {

TEST(Version, HeadersAndLibraryAreOfTheSame) {
  EXPECT_EQ(version(), fmt::format("{}.{}.{}", SOCKSCOPE_VERSION_MAJOR, SOCKSCOPE_VERSION_MINOR,
                                   SOCKSCOPE_VERSION_PATCH));
  static_assert(SOCKSCOPE_VERSION_NUMBER >= 100);
}

}  // namespace
}  // namespace sockscope
