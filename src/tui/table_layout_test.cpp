// SPDX-License-Identifier: Apache-2.0
#include "tui/table_layout.h"

#include <gtest/gtest.h>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

TEST(TableLayout, columns_fit_every_width) {
  for (std::size_t view = 0; view < kMainViews + 1; ++view)
    for (int width = kLeastColumns; width <= 300; ++width) {
      const auto placed = place_columns(columns_of(static_cast<View>(view)), width);
      ASSERT_FALSE(placed.empty());
      EXPECT_LE(placed.back().x + placed.back().width, width)
          << "view " << view << " at " << width << ": " << placed.back().spec->name;
    }
}

}  // namespace
}  // namespace sockscope::tui
