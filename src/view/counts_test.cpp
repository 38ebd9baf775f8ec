// SPDX-License-Identifier: Apache-2.0
#include "view/counts.h"

#include <gtest/gtest.h>

#include "view/testing.h"

namespace sockscope {
namespace {

using Lines = std::vector<std::string>;

Flow flow(std::string_view name, TcpState state) {
  Flow f = curl_flow();
  f.owner.comm = comm(name);
  f.state = state;
  return f;
}

std::vector<Flow> sample() {
  return {flow("web", TcpState::kFinWait1), flow("web", TcpState::kFinWait2),
          flow("db", TcpState::kEstablished), flow("web", TcpState::kFinWait1),
          flow("cache", TcpState::kEstablished)};
}

Lines table(std::string_view columns, bool fewest_first = false, std::size_t width = 0) {
  const auto list = parse_columns<Flow>(columns).value();
  const std::vector<Flow> flows = sample();
  const auto counts = count_rows<Flow>(flows, list, {}, Compared::kCells, fewest_first);
  return render_counts<Flow>(counts, list, {}, width);
}

TEST(Counts, MostComeFirstAndEqualOnesFromAToZ) {
  EXPECT_EQ(table("comm"), (Lines{"COUNT COMMAND", "    3 web", "    1 cache", "    1 db"}));
  EXPECT_EQ(table("comm", true), (Lines{"COUNT COMMAND", "    1 cache", "    1 db", "    3 web"}));
}

TEST(Counts, WhatReadsTheSameIsTheSame) {
  EXPECT_EQ(table("state"), (Lines{"COUNT ST", "    3 FIN", "    2 EST"}));
  const auto list = parse_columns<Flow>("state,comm").value();
  const std::vector<Flow> flows = sample();
  const auto counts = count_rows<Flow>(flows, list, {}, Compared::kRawTexts, false);
  EXPECT_EQ(render_counts_csv<Flow>(counts, list, {}),
            (Lines{"count,state,comm", "2,FIN_WAIT1,web", "1,ESTABLISHED,cache", "1,ESTABLISHED,db",
                   "1,FIN_WAIT2,web"}));
}

TEST(Counts, FitTheWidth) {
  for (const std::string& line : table("comm,remote,local", false, 30))
    EXPECT_LE(display_width(line), 30u) << line;
}

TEST(Counts, OfNoRowsAreNone) {
  const auto list = parse_columns<Flow>("comm").value();
  EXPECT_TRUE(count_rows<Flow>({}, list, {}, Compared::kCells, false).empty());
  EXPECT_EQ(render_counts<Flow>({}, list, {}, 0), Lines{"COUNT COMMAND"});
}

}  // namespace
}  // namespace sockscope
