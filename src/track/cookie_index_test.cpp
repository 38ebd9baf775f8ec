// SPDX-License-Identifier: Apache-2.0
#include "track/cookie_index.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace sockscope {
namespace {

TEST(CookieIndex, AgreesWithAMapUnderRandomUse) {
  CookieIndex index;
  std::unordered_map<std::uint64_t, std::uint32_t> truth;
  std::mt19937_64 random(7);
  for (std::uint32_t step = 0; step < 200'000; ++step) {
    const std::uint64_t cookie = random() % 5'000 + 1;
    if (truth.contains(cookie)) {
      index.erase(cookie);
      truth.erase(cookie);
    } else {
      index.insert(cookie, step);
      truth[cookie] = step;
    }
    if (step % 1'000 == 0)
      for (std::uint64_t each = 1; each <= 5'000; ++each) {
        const auto found = truth.find(each);
        ASSERT_EQ(index.find(each), found == truth.end() ? CookieIndex::kNone : found->second);
      }
  }
  EXPECT_EQ(index.size(), truth.size());
}

TEST(CookieIndex, ErasingWhatIsNotThereDoesNothing) {
  CookieIndex index;
  index.insert(1, 10);
  index.erase(2);
  EXPECT_EQ(index.find(1), 10u);
  EXPECT_EQ(index.size(), 1u);
}

}  // namespace
}  // namespace sockscope
