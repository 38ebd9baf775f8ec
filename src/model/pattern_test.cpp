// SPDX-License-Identifier: Apache-2.0
#include "model/pattern.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

TEST(Pattern, IsSearchedFor) {
  const auto pattern = Pattern::compile("^py(thon)?\\d$");
  ASSERT_TRUE(pattern);
  EXPECT_TRUE(pattern->is_in("python3"));
  EXPECT_FALSE(pattern->is_in("python3.11"));
  EXPECT_FALSE(pattern->is_in("PYTHON3"));
  EXPECT_TRUE(Pattern::compile("python", Pattern::Case::kIgnored)->is_in("xPYTHONx"));
}

TEST(Pattern, SaysWhyItIsNone) {
  for (const char* text : {"(", "[", "a{1,9999}", "((a{999}){999}){999}", "(a)\\1", "a(?=b)"}) {
    const auto pattern = Pattern::compile(text);
    ASSERT_FALSE(pattern) << text;
    EXPECT_TRUE(pattern.error().starts_with("not a regular expression: ")) << pattern.error();
  }
}

TEST(Pattern, LooksAtTheBeginningOnly) {
  const auto pattern = Pattern::compile("needle");
  EXPECT_TRUE(pattern->is_in(std::string(Pattern::kMostText - 6, 'x') + "needle"));
  EXPECT_FALSE(pattern->is_in(std::string(Pattern::kMostText - 5, 'x') + "needle"));
}

TEST(Pattern, TakesAnyBytes) {
  const std::string bytes("a\0\xff\x80z", 5);
  EXPECT_TRUE(Pattern::compile("z$")->is_in(bytes));
  EXPECT_TRUE(Pattern::compile("^a\\x00")->is_in(bytes));
}

}  // namespace
}  // namespace sockscope
