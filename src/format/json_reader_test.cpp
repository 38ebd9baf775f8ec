// SPDX-License-Identifier: Apache-2.0
#include "format/json_reader.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cstring>
#include <set>
#include <string>
#include <tuple>

#include "format/schema_testing.h"
#include "model/fields.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kWall = 1'763'683'200'123'456'789;

std::string text_of(const Snapshot& snapshot, const HostId& host) {
  std::string text;
  write_snapshot_json(snapshot, host, false, [&text](std::string_view piece) { text += piece; });
  return text;
}

// Flows of every kind, with known and with unknown figures.
Snapshot sample() {
  Snapshot snapshot;
  snapshot.mono_ns = 5'000'000'000;
  snapshot.wall_ns = kWall;
  snapshot.interval_s = 1.0 / 3;
  snapshot.lost = {.ring_full = 1, .storage_failed = 2, .malformed = 3};
  snapshot.doors = {
      {.observation = Observation::kTcpSockets, .name = "iter/tcp", .refused = ""},
      {.observation = Observation::kUdpSent, .name = "tp_btf/x", .refused = "no \"memory\""}};
  Flow tcp;
  tcp.cookie = 77;
  tcp.netns = 4026531840;
  tcp.state = TcpState::kEstablished;
  tcp.direction = Direction::kInbound;
  tcp.local = {{.bytes = {10, 0, 0, 7}, .family = 4}, 443};
  tcp.remote = {{.bytes = {203, 0, 113, 10}, .family = 4}, 50000};
  tcp.owner.pid = 12;
  tcp.owner.opener_pid = 11;
  tcp.owner.uid = 0;
  tcp.owner.cgroup_id = 9;
  tcp.owner.kind = OwnerKind::kInherited;
  std::strcpy(tcp.owner.comm.data(), "a\x1b\"b\\");
  tcp.counters = {1, 2, 3, 4, 5, 6, 7};
  tcp.tx_rate = 10;
  tcp.rx_rate = 0;
  tcp.opened_ns = 2'000'001'000;
  tcp.conn_id = ConnectionId{0x0000'0000'89ab'cdef};
  Flow closed = tcp;
  closed.closed = true;
  closed.closed_ns = 4'000'001'000;
  closed.state = TcpState::kTimeWait;
  Flow bare;
  bare.protocol = Protocol::kUdp;
  bare.local.addr.family = bare.remote.addr.family = 6;
  bare.local.addr.bytes[15] = 1;
  bare.has_counters = false;
  Flow partly = tcp;
  partly.has_segments = false;
  partly.state = TcpState::kNewSynRecv;
  Flow listener = bare;
  listener.direction = Direction::kListen;
  listener.local = {{.family = 6}, 80};
  listener.ipv6_only = false;
  Flow peer = bare;
  peer.cookie = (std::uint64_t{1} << 52) + 1;
  peer.peer_of = 77;
  peer.app = App::kQuic;
  snapshot.lost.udp_peers = 3;
  snapshot.lost.netlink_full = 4;
  auto name = std::make_shared<RemoteName>();
  name->name = "www.example.com";
  name->source = NameSource::kProcess;
  name->learnt_ns = 4'000'000'000;
  name->ttl_s = 77;
  name->server = {{.bytes = {0x20, 1, 0xd, 0xb8}, .family = 6}, 53};
  name->pid = 12;
  std::strcpy(name->comm.data(), "curl");
  tcp.remote_name = name;
  OtherEnd other;
  other.cookie = 78;
  other.netns = 5;
  other.local = tcp.remote;
  other.remote = {{.bytes = {10, 0, 0, 8}, .family = 4}, 8443};
  other.owner = tcp.owner;
  tcp.other_end = std::make_shared<const OtherEnd>(other);
  tcp.translation = std::make_shared<const Translation>(
      Translation{{{.bytes = {192, 0, 2, 1}, .family = 4}, 40'000},
                  {{.bytes = {10, 97, 0, 2}, .family = 4}, 6443}});
  auto program = std::make_shared<Program>();
  program->exe = "/usr/bin/curl";
  program->exe_given = "./curl";
  program->cmdline = "curl -s \x1b http://www.example.com ";
  program->arguments = {"curl", "-s", "\x1b", "http://www.example.com", ""};
  program->arguments_truncated = true;
  auto group = std::make_shared<ControlGroup>();
  group->path = "/system.slice/docker-0123.scope";
  group->unit = "docker-0123.scope";
  group->container_unit = "nginx.service";
  group->runtime = ContainerRuntime::kDocker;
  group->container_id = "0123";
  group->pod_uid = "8d2c";
  auto info = std::make_shared<ProcessInfo>();
  info->start_ns = 1'234;
  info->parent_pid = 1;
  info->parents = "bash < sshd";
  info->session = 9;
  info->netns = 7;
  info->inner_pid = 3;
  info->program = program;
  info->cgroup = group;
  tcp.owner.process = info;
  tcp.internals = std::make_shared<const TcpInternals>(
      TcpInternals{.congestion_control = {'c', 'u', 'b', 'i', 'c'},
                   .congestion_window = 10,
                   .slow_start_threshold = 7,
                   .mss = 1448,
                   .path_mtu = 1500,
                   .rtt_variance_us = 30,
                   .retransmit_timeout_us = 204'000,
                   .lost = 1,
                   .reordering = 3,
                   .receive_queue = 5,
                   .send_queue = 6,
                   .unsent_bytes = 4,
                   .delivery_rate = 1'000'000,
                   .busy_us = 3'001,
                   .receiver_limited_us = 1'000,
                   .buffer_limited_us = 1,
                   .duplicate_acks = 2,
                   .drops = 8});
  tcp.holders = std::make_shared<const std::vector<SocketHolder>>(
      std::vector<SocketHolder>{{.pid = 12, .fd = 3, .comm = {'c'}}, {.pid = 13, .fd = 4}});
  Alert scan;
  scan.key = "port_scan/in/203.0.113.9";
  scan.severity = AlertSeverity::kCritical;
  scan.first_ns = 1'000'000'000;
  scan.last_ns = 2'000'000'000;
  scan.direction = Direction::kInbound;
  scan.peer.addr = {.bytes = {203, 0, 113, 9}, .family = 4};
  scan.figures = {{"ports", 100}, {"shut", 99}, {"attempts", 101}, {"seconds", 0.125}};
  Alert tunnel;
  tunnel.key = "dns_tunnel/example.com";
  tunnel.kind = AlertKind::kDnsTunnel;
  tunnel.phase = AlertPhase::kEnded;
  tunnel.first_ns = tunnel.last_ns = 3'000'000'000;
  tunnel.ended_ns = 4'000'000'000;
  tunnel.owner = tcp.owner;
  tunnel.peer = name->server;
  tunnel.name = "example.com";
  tunnel.figures = {{"queries_per_minute", 60}, {"names", 31}, {"name_bytes", 200}};
  snapshot.alerts = std::make_shared<const std::vector<Alert>>(std::vector<Alert>{scan, tunnel});
  snapshot.flows = {tcp, closed, bare, partly, peer, listener};
  Process process;
  process.pid = 12;
  process.open_flows = 2;
  process.tx_bytes = ~std::uint64_t{0};
  process.tx_rate = 3;
  process.rx_rate = 4;
  process.srtt_us = 5;
  Process described = process;
  described.info = info;
  snapshot.processes = {process, {}, described};
  return snapshot;
}

TEST(ReadSnapshotJson, WrittenAgainIsTheSameText) {
  const std::string text = text_of(sample(), {"web-03", "boot"});
  EXPECT_EQ(schema_problem("snapshot", text), "");
  const auto document = read_snapshot_json(text);
  ASSERT_TRUE(document) << document.error().detail();
  EXPECT_EQ(text_of(document->snapshot, document->host), text);
  const Flow& flow = document->snapshot.flows[0];
  EXPECT_EQ(flow.counters.retransmits, 5u);
  EXPECT_EQ(flow.owner.name(), "a\x1b\"b\\");
  EXPECT_EQ(flow.owner.kind, OwnerKind::kInherited);
  EXPECT_EQ(flow.direction, Direction::kInbound);
  EXPECT_EQ(document->snapshot.lost.malformed, 3u);
  EXPECT_FALSE(document->snapshot.flows[2].has_counters);
  EXPECT_FALSE(document->snapshot.flows[3].has_segments);
  EXPECT_EQ(document->snapshot.flows[4].peer_of, 77u);
  EXPECT_EQ(document->snapshot.flows[4].app, App::kQuic);
  EXPECT_EQ(document->snapshot.lost.udp_peers, 3u);
}

TEST(ReadSnapshotJson, TheEmptyOneToo) {
  const std::string text = text_of({}, {});
  EXPECT_EQ(schema_problem("snapshot", text), "");
  const auto document = read_snapshot_json(text);
  ASSERT_TRUE(document) << document.error().detail();
  EXPECT_EQ(text_of(document->snapshot, document->host), text);
}

// Reads the text with `from` replaced by `to`, and returns the error; "" when there was none.
std::string problem_with(const std::string& from, const std::string& to) {
  std::string text = text_of(sample(), {});
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  const auto document = read_snapshot_json(text);
  return document ? "" : document.error().detail();
}

TEST(ReadSnapshotJson, UnknownFieldsArePassedOver) {
  EXPECT_EQ(problem_with("\"cookie\":77", "\"later\":{\"a\":[]},\"cookie\":77"), "");
}

TEST(ReadSnapshotJson, WrongOnesAreRefusedWithTheirPath) {
  EXPECT_EQ(problem_with("sockscope.snapshot.v1", "sockscope.snapshot.v2"),
            "schema: is 'sockscope.snapshot.v2', not 'sockscope.snapshot.v1'");
  EXPECT_EQ(problem_with("\"conn_id\":\"0000000089abcdef\",", ""), "");
  EXPECT_EQ(problem_with("0000000089abcdef", "89abcdef"),
            "flows[0].conn_id: is not 16 hexadecimal digits");
  EXPECT_EQ(problem_with("\"cookie\":77,", ""), "flows[0].cookie: is missing");
  EXPECT_EQ(problem_with("\"cookie\":77", "\"cookie\":\"77\""),
            "flows[0].cookie: is not a whole number");
  EXPECT_EQ(problem_with("\"local_port\":443", "\"local_port\":65536"),
            "flows[0].local_port: is not a port");
  EXPECT_EQ(problem_with("\"10.0.0.7\"", "\"::1\""),
            "flows[0].local_addr: is no address of its family");
  EXPECT_EQ(problem_with("\"ESTABLISHED\"", "\"OPEN\""),
            "flows[0].state: is no word that is known here");
  EXPECT_EQ(problem_with("\"closed\":false", "\"closed\":null"),
            "flows[0].closed: is not true or false");
  EXPECT_EQ(problem_with("\"ring_full\":1", "\"ring_full\":-1"),
            "lost.ring_full: is not a whole number");
  EXPECT_EQ(problem_with("\"processes\":[", "\"processes\":[7,"), "processes[0]: is no object");
  EXPECT_EQ(problem_with("\"opened\":\"20", "\"opened\":\"x20"), "flows[0].opened: is no time");
  EXPECT_FALSE(read_snapshot_json(""));
  EXPECT_FALSE(read_snapshot_json("[]"));
  EXPECT_FALSE(read_snapshot_json(std::string(1'000'000, '[')));
}

TEST(ReadSnapshotJson, WhatEarlierVersionsDidNotWriteMayBeMissing) {
  EXPECT_EQ(problem_with(R"("netlink_full":4,"udp_peers":3)", R"("other":0)"), "");
  EXPECT_EQ(problem_with(R"("peer_of":77,)", ""), "");
  EXPECT_EQ(problem_with(R"("malformed":3,)", ""), "lost.malformed: is missing");
}

using Names = std::set<std::string>;

rapidjson::Document parse(const std::string& text) {
  rapidjson::Document json;
  json.Parse(text.c_str());
  EXPECT_FALSE(json.HasParseError());
  return json;
}

Names names_of(const rapidjson::Value& object) {
  Names names;
  for (const auto& member : object.GetObject()) names.insert(member.name.GetString());
  return names;
}

// The names that occur in any of the rows.
Names names_of_rows(const rapidjson::Value& rows) {
  Names names;
  for (const auto& row : rows.GetArray()) names.merge(names_of(row));
  return names;
}

Names without(Names names, const Names& others) {
  for (const std::string& other : others) EXPECT_EQ(names.erase(other), 1u) << other;
  return names;
}

class JsonNames : public ::testing::Test {
 protected:
  const rapidjson::Document schema_ = parse(docs_file("schema/snapshot.schema.json"));
  const rapidjson::Document written_ = parse(text_of(sample(), {"web-03", "boot"}));
  const rapidjson::Value& described_ = schema_["properties"];

  const rapidjson::Value& row(const char* of) const {
    return described_[of]["items"]["properties"];
  }
};

TEST_F(JsonNames, AreThoseOfTheSchema) {
  EXPECT_EQ(names_of(written_), names_of(described_));
  EXPECT_EQ(names_of(written_["lost"]), names_of(described_["lost"]["properties"]));
  for (const char* rows : {"flows", "processes", "alerts"})
    EXPECT_EQ(names_of_rows(written_[rows]), names_of(row(rows))) << rows;
  EXPECT_EQ(names_of(written_["flows"][0]["tcp_info"]),
            names_of(row("flows")["tcp_info"]["properties"]));
  EXPECT_EQ(names_of_rows(written_["flows"][0]["holders"]),
            names_of(row("flows")["holders"]["items"]["properties"]));
}

TEST_F(JsonNames, OfListsAreInTheSchema) {
  const auto expect_in = [](const rapidjson::Value& properties, const auto&... lists) {
    const auto expect = [&](const auto& field) {
      EXPECT_TRUE(properties.HasMember(field.name.data())) << field.name;
    };
    (for_each_field(lists, expect), ...);
  };
  expect_in(described_["lost"]["properties"], kLossFields);
  expect_in(row("flows"), kSocketFields, kRemoteNameFields, kOwnerFields, kProcessInfoFields,
            kProgramFields, kControlGroupFields, kCountersFields);
  expect_in(row("processes"), kProcessFields, kProcessInfoFields, kProgramFields,
            kControlGroupFields);
  expect_in(row("flows")["tcp_info"]["properties"], kQueueFields);
  expect_in(row("flows")["tcp_info"]["properties"], kTcpInternalsFields);
  expect_in(row("flows")["holders"]["items"]["properties"], kSocketHolderFields);
}

TEST_F(JsonNames, OfATraceAreTheSame) {
  const rapidjson::Document trace = parse(docs_file("schema/trace.schema.json"));
  EXPECT_EQ(names_of(trace["definitions"]["lost"]["properties"]),
            names_of(described_["lost"]["properties"]));
  int closes = 0;
  for (const auto& record : trace["anyOf"].GetArray()) {
    const auto& properties = record["properties"];
    if (!properties.HasMember("event") || properties["event"]["enum"][0] != "close") continue;
    ++closes;
    EXPECT_EQ(without(names_of(properties), {"event", "ts", "ts_ns", "duration_us", "final"}),
              without(names_of(row("flows")), {"tx_rate", "rx_rate", "opened", "age_us", "closed",
                                               "tcp_info", "holders", "other_end"}));
  }
  EXPECT_EQ(closes, 1);
}

TEST_F(JsonNames, AreInTheDocumentation) {
  const std::string text = docs_file("json-format.md");
  Names names = names_of(described_["lost"]["properties"]);
  for (const char* rows : {"flows", "processes", "alerts"}) names.merge(names_of(row(rows)));
  names.merge(names_of(row("flows")["tcp_info"]["properties"]));
  for (const std::string& name : names)
    EXPECT_NE(text.find('`' + name + '`'), std::string::npos) << name;
}

template <class List>
constexpr std::size_t kSize = std::tuple_size_v<List>;

// These fail to compile when a struct gets a new member: does it have a line in model/fields.h?
TEST(Fields, NoMemberIsForgotten) {
  {
    [[maybe_unused]] const auto [a, b, c, d, e, f, g, h] = Loss{};
    static_assert(kSize<decltype(kLossFields)> == 8);
  }
  {
    [[maybe_unused]] const auto [a, b, c, d, e, f, g] = Counters{};
    static_assert(kSize<decltype(kCountersFields)> == 7);
  }
  {
    [[maybe_unused]] const auto [a, b, c, d, e, f, g, h] = Owner{};  // start_ns, process
    static_assert(kSize<decltype(kOwnerFields)> == 8 - 2);
  }
  {  // start_ns, info, retransmit_rate, tx_segment_rate
    [[maybe_unused]] const auto [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = Process{};
    static_assert(kSize<decltype(kProcessFields)> == 17 - 4);
  }
  {
    [[maybe_unused]] const auto [a, b, c, d, e] = Program{};
    static_assert(kSize<decltype(kProgramFields)> == 5);
  }
  {
    [[maybe_unused]] const auto [a, b, c, d, e, f, g] = ControlGroup{};
    static_assert(kSize<decltype(kControlGroupFields)> == 7);
  }
  {
    [[maybe_unused]] const auto [a, b, c, d, e, f, g] = RemoteName{};  // name, learnt_ns
    static_assert(kSize<decltype(kRemoteNameFields)> == 7 - 2);
  }
  {
    [[maybe_unused]] const auto [a, b, c, d] = SocketHolder{};  // start_ns
    static_assert(kSize<decltype(kSocketHolderFields)> == 4 - 1);
  }
}

}  // namespace
}  // namespace sockscope
