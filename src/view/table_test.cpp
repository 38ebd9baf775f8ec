// SPDX-License-Identifier: Apache-2.0
#include "view/table.h"

#include <gtest/gtest.h>

#include "view/testing.h"

namespace sockscope {
namespace {

using Lines = std::vector<std::string>;

Flow flow(std::uint32_t pid, std::string_view name, std::uint64_t cookie = 1) {
  Flow f = curl_flow();
  f.owner.pid = pid;
  f.owner.comm = comm(name);
  f.cookie = cookie;
  return f;
}

std::vector<std::uint64_t> cookies(const std::vector<Flow>& flows, std::string_view column,
                                   bool reverse = false, std::size_t top = 0) {
  const Order<Flow> order{column.empty() ? nullptr : find_column<Flow>(column), reverse, top};
  std::vector<std::uint64_t> out;
  for (const Flow* f : arrange<Flow>(flows, order, CellOptions())) out.push_back(f->cookie);
  return out;
}

Lines table(const std::vector<Flow>& flows, const ColumnList<Flow>& columns, std::size_t width = 0,
            bool wide = false) {
  CellOptions options;
  options.wide = wide;
  const auto rows = arrange<Flow>(flows, {}, options);
  return render_table<Flow>(rows, columns, options, width);
}
Lines table(const std::vector<Flow>& flows, std::string_view columns, std::size_t width = 0,
            bool wide = false) {
  return table(flows, parse_columns<Flow>(columns).value(), width, wide);
}

using Cookies = std::vector<std::uint64_t>;

TEST(Arrange, NumbersDescendAndTextsAscend) {
  std::vector<Flow> flows{flow(1, "b", 1), flow(3, "c", 2), flow(2, "a", 3)};
  EXPECT_EQ(cookies(flows, "pid"), (Cookies{2, 3, 1}));
  EXPECT_EQ(cookies(flows, "pid", true), (Cookies{1, 3, 2}));
  EXPECT_EQ(cookies(flows, "comm"), (Cookies{3, 1, 2}));
  EXPECT_EQ(cookies(flows, "comm", true), (Cookies{2, 1, 3}));
  EXPECT_EQ(cookies(flows, ""), (Cookies{1, 2, 3}));
}

TEST(Arrange, NumbersAreNotComparedAsText) {
  EXPECT_EQ(cookies({flow(9, "a", 1), flow(10, "a", 2)}, "pid"), (Cookies{2, 1}));
}

TEST(Arrange, TiesGoByPidThenCookieEitherWay) {
  std::vector<Flow> flows{flow(2, "a", 5), flow(1, "a", 9), flow(1, "a", 4)};
  EXPECT_EQ(cookies(flows, "rx_bytes"), (Cookies{4, 9, 5}));
  EXPECT_EQ(cookies(flows, "rx_bytes", true), (Cookies{4, 9, 5}));
  std::swap(flows[0], flows[2]);
  EXPECT_EQ(cookies(flows, "rx_bytes"), (Cookies{4, 9, 5}));
}

TEST(Arrange, IsStableForEqualIdentities) {
  std::vector<Flow> flows{flow(1, "a", 0), flow(1, "a", 0)};
  const auto rows = arrange<Flow>(flows, {find_column<Flow>("rx_bytes"), false, 0}, CellOptions());
  EXPECT_EQ(rows[0], &flows[0]);
  EXPECT_EQ(rows[1], &flows[1]);
}

TEST(Arrange, UnknownComesLastEitherWay) {
  std::vector<Flow> flows{flow(1, "a", 1), flow(2, "a", 2), flow(3, "a", 3)};
  flows[0].rx_rate.reset();
  flows[1].rx_rate = 0.0;
  flows[2].rx_rate = 5.0;
  EXPECT_EQ(cookies(flows, "rx_rate"), (Cookies{3, 2, 1}));
  EXPECT_EQ(cookies(flows, "rx_rate", true), (Cookies{2, 3, 1}));
}

TEST(Arrange, TopKeepsTheFirst) {
  std::vector<Flow> flows{flow(1, "a", 1), flow(3, "a", 2), flow(2, "a", 3)};
  EXPECT_EQ(cookies(flows, "pid", false, 2), (Cookies{2, 3}));
  EXPECT_EQ(cookies(flows, "pid", false, 9), (Cookies{2, 3, 1}));
  EXPECT_EQ(cookies(flows, "", false, 1), (Cookies{1}));
}

TEST(Arrange, ProcessesTieByPidThenStart) {
  std::vector<Process> rows(3);
  rows[0].pid = 2;
  rows[1].pid = 1;
  rows[1].start_ns = 8;
  rows[2].pid = 1;
  rows[2].start_ns = 7;
  const auto arranged =
      arrange<Process>(rows, {find_column<Process>("conns"), false, 0}, CellOptions());
  EXPECT_EQ(arranged, (std::vector<const Process*>{&rows[2], &rows[1], &rows[0]}));
}

TEST(RenderTable, AlignsNumbersRightAndTextLeft) {
  EXPECT_EQ(table({flow(30211, "curl"), flow(7, "a")}, "pid,comm,rtt"),
            (Lines{"    PID COMMAND     RTTms",  //
                   "  30211 curl         38.2",  //
                   "      7 a            38.2"}));
}

TEST(RenderTable, NoTrailingSpaces) {
  EXPECT_EQ(table({flow(7, "a")}, "pid,comm"), (Lines{"    PID COMMAND", "      7 a"}));
}

TEST(RenderTable, HeadingAloneWithoutRows) {
  EXPECT_EQ(table({}, "pid,comm"), Lines{"    PID COMMAND"});
  EXPECT_EQ(render_table<Flow>({}, {}, CellOptions(), 0), Lines{});
}

TEST(RenderTable, GrowsToTheContent) {
  Flow f = flow(7, "a-longer-name");
  f.remote = endpoint("2a00:1450:4009:81f::200e:5a1c", 61002);
  EXPECT_EQ(table({f}, "comm,remote,lport"),
            (Lines{"COMMAND       REMOTE                                LPORT",
                   "a-longer-name [2a00:1450:4009:81f::200e:5a1c]:61002 48122"}));
}

TEST(RenderTable, ShortensTheWidestFirst) {
  Flow f = flow(7, "a-longer-name");
  f.remote = endpoint("2a00:1450:4009:81f::200e:5a1c", 61002);
  EXPECT_EQ(table({f}, "comm,remote,lport", 50),
            (Lines{"COMMAND       REMOTE                         LPORT",
                   "a-longer-name [2a00:1450…200e:5a1c]:61002    48122"}));
  EXPECT_EQ(table({f}, "comm,remote,lport", 32),
            (Lines{"COMMAND    REMOTE          LPORT", "a-longer-… […5a1c]:61002   48122"}));
}

TEST(RenderTable, CutsLinesThatCannotFit) {
  for (std::size_t width = 1; width < 80; ++width) {
    for (const std::string& line :
         table({flow(7, "漢字漢字")}, columns_of<Flow>(kSnapshotFlowColumns), width)) {
      EXPECT_LE(display_width(line), width);
    }
  }
  EXPECT_EQ(table({flow(30211, "a")}, "pid,rtt", 10), (Lines{"    PID  …", "  30211  …"}));
}

TEST(RenderTable, WideNeverShortens) {
  Flow f = flow(7, "a-longer-name");
  EXPECT_EQ(table({f}, "comm,state", 10, true),
            (Lines{"COMMAND       ST", "a-longer-name ESTABLISHED"}));
}

TEST(RenderTable, CountsCellsNotBytes) {
  EXPECT_EQ(table({flow(7, "漢字"), flow(8, "größe")}, "comm,lport"),
            (Lines{"COMMAND    LPORT", "漢字       48122", "größe      48122"}));
}

TEST(RenderTable, OneHostileNameIsOneLine) {
  const Lines lines = table({flow(7, "a\n\x1b[2J")}, "comm");
  EXPECT_EQ(lines, (Lines{"COMMAND", "a??[2J"}));
}

TEST(RenderCsv, QuotesWhatNeedsIt) {
  std::vector<Flow> flows{flow(1, "plain"), flow(2, "a,b"), flow(3, "say \"hi\""),
                          flow(4, "a\r\nb")};
  const auto rows = arrange<Flow>(flows, {}, CellOptions());
  EXPECT_EQ(
      render_csv<Flow>(rows, parse_columns<Flow>("pid,comm,pid").value(), CellOptions()),
      (Lines{"pid,comm,pid", "1,plain,1", "2,\"a,b\",2", "3,\"say \"\"hi\"\"\",3", "4,a??b,4"}));
}

TEST(RenderCsv, NoNameIsAFormulaForASpreadsheet) {
  std::vector<Flow> flows{flow(1, "=1+1"), flow(2, "+1"),  flow(3, "-bash"),
                          flow(4, "@x"),   flow(5, "a=b"), flow(6, "=HYPERLINK(\"")};
  const auto rows = arrange<Flow>(flows, {}, CellOptions());
  const auto columns = parse_columns<Flow>("pid,comm").value();
  EXPECT_EQ(render_csv<Flow>(rows, columns, {.spreadsheet = true}),
            (Lines{"pid,comm", "1,'=1+1", "2,'+1", "3,'-bash", "4,'@x", "5,a=b",
                   "6,\"'=HYPERLINK(\"\"\""}));
  EXPECT_EQ(render_csv<Flow>(rows, columns, {})[1], "1,=1+1");
}

TEST(RenderCsv, ValuesAreRawAndUnknownIsEmpty) {
  std::vector<Flow> flows{curl_flow()};
  flows[0].tx_rate.reset();
  const auto rows = arrange<Flow>(flows, {}, CellOptions());
  const auto columns = parse_columns<Flow>("rx_bytes,tx_rate,rtt,state").value();
  EXPECT_EQ(render_csv<Flow>(rows, columns, CellOptions()),
            (Lines{"rx_bytes,tx_rate,rtt,state", "118400000,,38200,ESTABLISHED"}));
}

}  // namespace
}  // namespace sockscope
