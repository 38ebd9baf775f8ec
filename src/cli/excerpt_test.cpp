// SPDX-License-Identifier: Apache-2.0
#include "cli/excerpt.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "format/schema_testing.h"

namespace sockscope {
namespace {

std::string excerpt_json(const Snapshot& snapshot, const Excerpt& excerpt) {
  std::string text;
  write_snapshot_json(
      snapshot, {"web-03", "boot"}, false, [&text](std::string_view piece) { text += piece; },
      &excerpt);
  EXPECT_EQ(schema_problem("snapshot", text), "") << text;
  return text;
}

// From "flows" or "processes" on.
std::string rows_of(const std::string& document) {
  return document.substr(std::min(document.find("\"flows\""), document.find("\"processes\"")));
}

template <class Row>
void expect_members_in_schema(const char* rows) {
  rapidjson::Document schema;
  schema.Parse(docs_file("schema/snapshot.schema.json").c_str());
  const auto& row = schema["properties"][rows]["items"]["properties"];
  for (const Column<Row>& column : all_columns<Row>()) {
    const auto members = json_members<Row>({&column});
    EXPECT_FALSE(members.empty()) << column.info().name;
    for (const std::string& member : members) {
      const std::size_t dot = member.find('.');
      const auto found = row.FindMember(member.substr(0, dot).c_str());
      ASSERT_NE(found, row.MemberEnd()) << column.info().name << ' ' << member;
      if (dot == member.npos) continue;
      EXPECT_TRUE(found->value["properties"].HasMember(member.substr(dot + 1).c_str())) << member;
    }
  }
}

TEST(Excerpt, EachColumnHasMembersThatThereAre) {
  expect_members_in_schema<Flow>("flows");
  expect_members_in_schema<Process>("processes");
}

Snapshot sample() {
  Snapshot snapshot;
  snapshot.wall_ns = 1'700'000'000'000'000'000;
  snapshot.doors = {{Observation::kTcpLifecycle, "tp_btf/inet_sock_set_state", ""}};
  Flow flow;
  flow.cookie = 7;
  flow.local = {{.bytes = {10, 0, 0, 7}, .family = 4}, 48122};
  flow.state = TcpState::kEstablished;
  flow.owner.pid = 42;
  flow.has_counters = false;
  auto tcp = std::make_shared<TcpInternals>();
  tcp->congestion_window = 10;
  tcp->mss = 1448;
  flow.internals = tcp;
  flow.holders = std::make_shared<const std::vector<SocketHolder>>(2);
  snapshot.flows = {flow, flow};
  snapshot.flows[1].peer_of = 7;
  Process process;
  process.pid = 42;
  process.open_flows = 2;
  snapshot.processes = {process};
  return snapshot;
}

template <class Row>
std::string rows_with(const char* columns) {
  return rows_of(excerpt_json(sample(), excerpt_of<Row>(*parse_columns<Row>(columns))));
}

TEST(Excerpt, RowsHaveWhatTheColumnsShow) {
  EXPECT_EQ(rows_with<Process>("comm,pid,conns"),
            R"("processes":[{"pid":42,"comm":null,"open_flows":2}]})"
            "\n");
  EXPECT_EQ(rows_with<Flow>("state,lport"),
            R"("flows":[{"local_port":48122,"state":"ESTABLISHED","closed":false},)"
            R"({"peer_of":7,"local_port":48122,"state":"ESTABLISHED","closed":false}]})"
            "\n");
}

TEST(Excerpt, OfAnObjectWithinARowThereIsWhatIsNamed) {
  EXPECT_EQ(rows_with<Flow>("pid,cwnd"), R"("flows":[{"pid":42,"tcp_info":{"cwnd":10}},)"
                                         R"({"peer_of":7,"pid":42,"tcp_info":{"cwnd":10}}]})"
                                         "\n");
  const std::string holders = R"([{"pid":0,"comm":null,"fd":0},{"pid":0,"comm":null,"fd":0}])";
  EXPECT_EQ(rows_with<Flow>("holders,pid"),
            "\"flows\":[{\"pid\":42,\"holders\":" + holders +
                "},{\"peer_of\":7,\"pid\":42,\"holders\":" + holders + "}]}\n");
}

TEST(Excerpt, WithoutColumnsRowsAreWhole) {
  std::string whole;
  write_snapshot_json(sample(), {}, false, [&](std::string_view piece) { whole += piece; });
  const std::string flows = rows_of(excerpt_json(sample(), excerpt_of<Flow>({})));
  const std::string processes = rows_of(excerpt_json(sample(), excerpt_of<Process>({})));
  EXPECT_EQ(rows_of(whole), flows.substr(0, flows.size() - 2) + ',' + processes);
}

std::map<std::string, std::string> members_of(const Event& event,
                                              std::vector<std::string> members = {}) {
  std::string line;
  EventWriter(0, members).event(event, line);
  EXPECT_EQ(schema_problem(members.empty() ? "trace" : "trace-excerpt", line), "") << line;
  std::map<std::string, std::string> found;
  rapidjson::Document document;
  for (const auto& member : document.Parse(line.c_str()).GetObject()) {
    rapidjson::StringBuffer value;
    rapidjson::Writer writer(value);
    member.value.Accept(writer);
    found[member.name.GetString()] = value.GetString();
  }
  return found;
}

// Of an event whose own members are `own`.
void expect_members_of_columns(const Event& event, const std::set<std::string>& own) {
  const auto whole = members_of(event);
  for (const Column<Flow>& column : all_columns<Flow>()) {
    const auto shown = json_members<Flow>({&column});
    auto wanted = whole;
    std::erase_if(wanted, [&](const auto& member) {
      return !own.contains(member.first) && std::ranges::count(shown, member.first) == 0;
    });
    EXPECT_EQ(members_of(event, shown), wanted) << column.info().name;
  }
}

TEST(Excerpt, OfAnEventThereIsWhatHappenedAndWhatTheColumnsShow) {
  Event event;
  event.flow = sample().flows[0];
  auto process = std::make_shared<ProcessInfo>();
  process->pid = 42;
  event.flow.owner.process = process;
  event.what = event::Close{.duration_us = 7};
  expect_members_of_columns(event, {"event", "ts", "ts_ns", "duration_us", "final"});
  event.what = event::ConnectFailed{.error = ECONNREFUSED};
  expect_members_of_columns(event, {"event", "ts", "ts_ns", "latency_us", "error", "retransmits"});
  event.what = ProcessEvent{.kind = ProcessEventKind::kFork, .pid = 42, .parent_pid = 1};
  expect_members_of_columns(event, {"event", "ts", "ts_ns", "cpu", "parent_pid"});
}

TEST(Excerpt, GapsStayWhole) {
  Event gap;
  gap.what = event::Gap{{.ring_full = 9}};
  EXPECT_EQ(members_of(gap, {"pid"}), members_of(gap));
}

TEST(Excerpt, IsNoSnapshot) {
  std::string text = excerpt_json(sample(), excerpt_of<Process>({}));
  const std::string_view schema = kExcerptSchema;
  text.replace(text.find(schema), schema.size(), kSnapshotSchema);
  EXPECT_NE(schema_problem("snapshot", text), "");
}

}  // namespace
}  // namespace sockscope
