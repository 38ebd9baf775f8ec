// SPDX-License-Identifier: Apache-2.0
#include "view/columns.h"

#include <gtest/gtest.h>

#include <set>

#include "view/testing.h"

namespace sockscope {
namespace {

CellOptions options() {
  CellOptions o;
  o.now_ns = 39'000'000'000;
  o.user_name = [](std::uint32_t uid) { return uid == 1000 ? "de\x1bploy" : ""; };
  return o;
}

std::string cell(std::string_view name, const Flow& flow, const CellOptions& o);

TEST(Columns, ANetworkNamespaceIsShownByItsNameInTablesOnly) {
  CellOptions named = options();
  named.netns_name = [](std::uint32_t inode) { return inode == 4026531840 ? "bl\x1bue" : ""; };
  Flow flow = curl_flow();
  EXPECT_EQ(cell("netns", flow, named), "bl?ue");
  EXPECT_EQ(raw_text(*find_column<Flow>("netns"), flow, named), "4026531840");
  flow.netns = 7;
  EXPECT_EQ(cell("netns", flow, named), "7");
}

std::string cell(std::string_view name, const Flow& flow = curl_flow(),
                 const CellOptions& o = options()) {
  return cell_text(*find_column<Flow>(name), flow, o);
}

std::string raw(std::string_view name, const Flow& flow = curl_flow()) {
  return raw_text(*find_column<Flow>(name), flow, options());
}

TEST(Columns, TheOtherEnd) {
  CellOptions named = options();
  named.netns_name = [](std::uint32_t inode) { return inode == 78 ? "blue" : ""; };
  Flow flow = curl_flow();
  for (const char* name : {"conn_id", "other_pid", "other_comm", "other_netns", "other_local"})
    EXPECT_EQ(cell(name, flow, named), "—") << name;
  flow.conn_id = ConnectionId{0xabc};
  EXPECT_EQ(cell("conn_id", flow, named), "0000000000000abc");
  OtherEnd other;
  other.netns = 78;
  other.local = endpoint("172.17.0.2", 8443);
  other.owner.pid = 12;
  other.owner.comm = comm("ng\x1bnx");
  flow.other_end = std::make_shared<const OtherEnd>(other);
  EXPECT_EQ(cell("other_pid", flow, named), "12");
  EXPECT_EQ(cell("other_comm", flow, named), "ng?nx");
  EXPECT_EQ(cell("other_netns", flow, named), "blue");
  EXPECT_EQ(cell("other_local", flow, named), "172.17.0.2:8443");
  EXPECT_EQ(raw("other_netns", flow), "78");
  other.owner = {};
  other.owner.kind = OwnerKind::kKernel;
  flow.other_end = std::make_shared<const OtherEnd>(other);
  EXPECT_EQ(cell("other_pid", flow, named), "—");
  EXPECT_EQ(cell("other_comm", flow, named), "[kernel]");
}

Process nginx() {
  Process p;
  p.pid = 21408;
  p.uid = 33;
  p.comm = comm("nginx");
  p.open_flows = 148;
  p.listeners = 2;
  p.closed_flows = 9'000;
  p.rx_bytes = 1'234;
  p.retransmits = 12;
  p.srtt_us = 1'800;
  p.rx_rate = 11'512'500.0;
  p.retransmit_rate = 0.04;
  p.cgroup_id = 7;
  return p;
}

std::string cell(std::string_view name, const Process& p) {
  return cell_text(*find_column<Process>(name), p, options());
}

TEST(FlowColumns, CellsOfAMeasuredConnection) {
  EXPECT_EQ(cell("pid"), "30211");
  EXPECT_EQ(cell("opener_pid"), "30190");
  EXPECT_EQ(cell("comm"), "curl");
  EXPECT_EQ(cell("uid"), "de?ploy");
  EXPECT_EQ(cell("proto"), "tcp");
  EXPECT_EQ(cell("local"), "10.0.0.7:48122");
  EXPECT_EQ(cell("lport"), "48122");
  EXPECT_EQ(cell("remote"), "203.0.113.10:443");
  EXPECT_EQ(cell("rport"), "443");
  EXPECT_EQ(cell("direction"), "outbound");
  EXPECT_EQ(cell("state"), "EST");
  EXPECT_EQ(cell("rx_rate"), "24.9M");
  EXPECT_EQ(cell("tx_rate"), "210k");
  EXPECT_EQ(cell("rx_bytes"), "118.4 MB");
  EXPECT_EQ(cell("tx_bytes"), "980 kB");
  EXPECT_EQ(cell("rx_segments"), "80914");
  EXPECT_EQ(cell("tx_segments"), "40322");
  EXPECT_EQ(cell("retransmits"), "17");
  EXPECT_EQ(cell("rtt"), "38.2");
  EXPECT_EQ(cell("min_rtt"), "21.4");
  EXPECT_EQ(cell("owner"), "exact");
  EXPECT_EQ(cell("netns"), "4026531840");
  EXPECT_EQ(cell("cgroup_id"), "4242");
  EXPECT_EQ(cell("cookie"), "77");
  EXPECT_EQ(cell("age"), "00:00:38");
}

TEST(FlowColumns, WhatIsNotKnownIsADash) {
  const Flow flow;
  for (const char* name :
       {"pid", "opener_pid", "uid", "lport", "rport", "direction", "state", "rx_rate", "tx_rate",
        "rate", "rtt", "min_rtt", "netns", "cgroup_id", "cookie", "age"}) {
    EXPECT_EQ(cell(name, flow), "—") << name;
    EXPECT_EQ(raw(name, flow), "") << name;
  }
  EXPECT_EQ(cell("comm", flow), "[unattributed]");
  Flow of_kernel;
  of_kernel.owner.kind = OwnerKind::kKernel;
  EXPECT_EQ(cell("comm", of_kernel), "[kernel]");
  EXPECT_EQ(raw("comm", flow), "");
  EXPECT_EQ(cell("rx_bytes", flow), "0 B");
  EXPECT_EQ(cell("retransmits", flow), "0");
  EXPECT_EQ(cell("remote", flow), "*");
  EXPECT_EQ(raw("remote", flow), "");
}

TEST(FlowColumns, AnOwnerThatWasFoundIsForProgramsAsInJson) {
  Flow flow = curl_flow();
  flow.owner.kind = OwnerKind::kBootstrap;
  EXPECT_EQ(cell("owner", flow), "found holding it");
  EXPECT_EQ(raw("owner", flow), "bootstrap");
}

TEST(FlowColumns, WhatAListenerTakes) {
  Flow flow;
  EXPECT_EQ(cell("stack", curl_flow()), "—");
  flow.direction = Direction::kListen;
  flow.local.addr.family = 4;
  EXPECT_EQ(cell("stack", flow), "IPv4");
  flow.local.addr.family = 6;
  EXPECT_EQ(cell("stack", flow), "—");  // a source that does not know
  flow.ipv6_only = false;
  EXPECT_EQ(cell("stack", flow), "dual");
  flow.ipv6_only = true;
  EXPECT_EQ(cell("stack", flow), "IPv6");
  flow.ipv6_only = false;
  flow.local.addr.bytes[15] = 1;
  EXPECT_EQ(cell("stack", flow), "IPv6");
}

TEST(FlowColumns, CountersTheKernelDoesNotKeepAreADash) {
  Flow flow;
  flow.has_counters = false;
  for (const char* name : {"rx_bytes", "tx_bytes", "rx_segments", "tx_segments", "retransmits"}) {
    EXPECT_EQ(cell(name, flow), "—") << name;
    EXPECT_EQ(raw(name, flow), "") << name;
  }
}

TEST(FlowColumns, UdpHasNoStateAndNoRetransmissions) {
  Flow flow = curl_flow();
  flow.protocol = Protocol::kUdp;
  flow.counters.retransmits = 0;
  EXPECT_EQ(cell("proto", flow), "udp");
  EXPECT_EQ(cell("state", flow), "—");
  EXPECT_EQ(cell("retransmits", flow), "—");
}

TEST(FlowColumns, HostileNamesAreCleaned) {
  Flow flow = curl_flow();
  flow.owner.comm = comm("a\x1b[2J\xFF");
  EXPECT_EQ(cell("comm", flow), "a?[2J?");
  EXPECT_EQ(raw("comm", flow), "a?[2J?");
}

TEST(FlowColumns, UserWithoutNameIsANumber) {
  Flow flow = curl_flow();
  flow.owner.uid = 0;
  EXPECT_EQ(cell("uid", flow), "0");
  EXPECT_EQ(cell("uid", curl_flow(), CellOptions()), "1000");
  EXPECT_EQ(raw("uid"), "1000");
}

TEST(FlowColumns, WideGivesFullStates) {
  CellOptions wide;
  wide.wide = true;
  EXPECT_EQ(cell("state", curl_flow(), wide), "ESTABLISHED");
  EXPECT_EQ(raw("state"), "ESTABLISHED");
}

TEST(FlowColumns, RatesFollowTheUnits) {
  CellOptions o;
  o.units = Units::kBytes;
  EXPECT_EQ(cell("rx_rate", curl_flow(), o), "3.1M");
  o.units = Units::kIbytes;
  EXPECT_EQ(cell("tx_rate", curl_flow(), o), "25.6Ki");
}

TEST(FlowColumns, AgeOfAClosedFlowIsItsDuration) {
  Flow flow = curl_flow();
  flow.closed = true;
  flow.closed_ns = 1'084'500'000;
  EXPECT_EQ(cell("age", flow), "84 ms");
  EXPECT_EQ(raw("age", flow), "84500");
  EXPECT_EQ(cell("state", flow), "CLS");
  EXPECT_EQ(cell("age", curl_flow(), CellOptions()), "—");  // the caller passed no time
}

TEST(FlowColumns, ManyRetransmissionsAreMarked) {
  Flow flow = curl_flow();
  flow.counters.tx_segments = 1'000;
  flow.counters.retransmits = 10;
  EXPECT_EQ(cell("retransmits", flow), "10");
  flow.counters.retransmits = 11;
  EXPECT_EQ(cell("retransmits", flow), "11!");
  EXPECT_EQ(raw("retransmits", flow), "11");
  flow.counters.tx_segments = 100;
  EXPECT_EQ(cell("retransmits", flow), "11!");
  flow.counters.tx_segments = 99;  // too few to say
  EXPECT_EQ(cell("retransmits", flow), "11");
}

TEST(FlowColumns, RawValuesAreExact) {
  EXPECT_EQ(raw("rx_bytes"), "118400000");
  EXPECT_EQ(raw("rtt"), "38200");
  EXPECT_EQ(raw("rx_rate"), "3112500.000");
  EXPECT_EQ(raw("age"), "38000000");
  EXPECT_EQ(raw("local"), "10.0.0.7:48122");
}

TEST(ProcessColumns, Cells) {
  EXPECT_EQ(cell("pid", nginx()), "21408");
  EXPECT_EQ(cell("comm", nginx()), "nginx");
  EXPECT_EQ(cell("uid", nginx()), "33");
  EXPECT_EQ(cell("conns", nginx()), "148");
  EXPECT_EQ(cell("listeners", nginx()), "2");
  EXPECT_EQ(cell("closed_flows", nginx()), "9000");
  EXPECT_EQ(cell("rx_rate", nginx()), "92.1M");
  EXPECT_EQ(cell("tx_rate", nginx()), "—");
  EXPECT_EQ(cell("rx_bytes", nginx()), "1.2 kB");
  EXPECT_EQ(cell("tx_bytes", nginx()), "0 B");
  EXPECT_EQ(cell("rtt", nginx()), "1.8");
  EXPECT_EQ(cell("retr_rate", nginx()), "0.0");
  EXPECT_EQ(cell("retransmits", nginx()), "12");
  EXPECT_EQ(cell("cgroup_id", nginx()), "7");
  Process loss = nginx();
  loss.retransmit_rate = 2.1;
  EXPECT_EQ(cell("retr_rate", loss), "2.1");  // of how many is not known
  loss.tx_segment_rate = 99;
  EXPECT_EQ(cell("retr_rate", loss), "2.1");
  loss.tx_segment_rate = 200;
  EXPECT_EQ(cell("retr_rate", loss), "2.1!");
  loss.tx_segment_rate = 12'000;
  EXPECT_EQ(cell("retr_rate", loss), "2.1");
  EXPECT_EQ(cell("rtt", Process()), "—");
}

TEST(Columns, NamesAreDistinctAndHelpful) {
  std::set<std::string_view> names;
  for (const auto& column : all_columns<Flow>()) {
    EXPECT_TRUE(names.insert(column.info().name).second) << column.info().name;
    EXPECT_FALSE(column.help.empty());
    EXPECT_FALSE(column.info().heading.empty());
  }
  names.clear();
  for (const auto& column : all_columns<Process>()) {
    EXPECT_TRUE(names.insert(column.info().name).second) << column.info().name;
  }
}

TEST(Columns, DefaultSetsExist) {
  for (const auto& ids : {std::span<const ColumnId>(kSnapshotFlowColumns),
                          std::span<const ColumnId>(kTopFlowColumns)})
    for (const auto* column : columns_of<Flow>(ids)) EXPECT_NE(column, nullptr);
  for (const auto* column : columns_of<Process>(kTopProcessColumns)) EXPECT_NE(column, nullptr);
}

TEST(Columns, ListIsParsedInOrder) {
  const auto columns = parse_columns<Flow>("comm,pid,comm");
  ASSERT_TRUE(columns.has_value());
  ASSERT_EQ(columns->size(), 3u);
  EXPECT_EQ((*columns)[0]->id, ColumnId::kComm);
  EXPECT_EQ((*columns)[1]->id, ColumnId::kPid);
  EXPECT_EQ((*columns)[2]->id, ColumnId::kComm);
}

template <class Row>
std::string error_of(std::string_view list) {
  const auto columns = parse_columns<Row>(list);
  return columns ? "no error" : columns.error();
}

TEST(Columns, ErrorsSuggestAndList) {
  const std::string error = error_of<Flow>("pid,rxrate");
  EXPECT_TRUE(error.starts_with(
      "unknown column 'rxrate': did you mean 'rx_rate'? (columns: pid, opener_pid, "))
      << error;
  EXPECT_TRUE(error_of<Flow>("").starts_with("unknown column ''"));
  EXPECT_TRUE(error_of<Flow>("pid,").starts_with("unknown column ''"));
  EXPECT_TRUE(error_of<Process>("lport").starts_with("unknown column 'lport'"));
  EXPECT_TRUE(error_of<Flow>("\x1b").starts_with("unknown column '?'"));
  EXPECT_EQ(parse_column<Flow>("rtt").value()->id, ColumnId::kRtt);
  EXPECT_EQ(parse_column<Process>("rtt").value()->id, ColumnId::kMeanRtt);
  EXPECT_EQ(find_column<Flow>("nope"), nullptr);
}

TEST(Columns, HelpNamesEach) {
  const std::string help = column_help<Process>();
  for (const auto& column : all_columns<Process>()) {
    EXPECT_NE(help.find("  " + std::string(column.info().name) + " "), help.npos);
    EXPECT_NE(help.find(column.help), help.npos);
  }
}

TEST(SortKey, EndpointsSortAsNumbers) {
  Flow a = curl_flow();
  Flow b = curl_flow();
  a.remote = endpoint("9.0.0.1", 443);
  b.remote = endpoint("10.0.0.1", 80);
  const auto key = [](const Flow& f) {
    return sort_key(*find_column<Flow>("remote"), f, CellOptions());
  };
  EXPECT_LT(key(a), key(b));
  b.remote = endpoint("9.0.0.1", 8080);
  EXPECT_LT(key(a), key(b));
}

TEST(FlowColumns, AreBoundedWhateverAProcessIsGiven) {
  auto program = std::make_shared<Program>();
  program->cmdline = std::string(1'800'000, 'x');
  auto info = std::make_shared<ProcessInfo>();
  info->program = program;
  Flow flow = curl_flow();
  flow.owner.process = info;
  for (const std::string& text : {cell("cmdline", flow), raw("cmdline", flow)}) {
    EXPECT_EQ(display_width(text), 4096u);
    EXPECT_TRUE(text.ends_with("…"));
  }
}

}  // namespace
}  // namespace sockscope
