// SPDX-License-Identifier: Apache-2.0
#include "format/json.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "format/schema_testing.h"

namespace sockscope {
namespace {

rapidjson::Document parse(const std::string& text) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(text.c_str());
  EXPECT_FALSE(document.HasParseError()) << text;
  return document;
}

Event sample(EventKind kind) {
  Event event;
  event.what = make_what(kind);
  event.mono_ns = 1'500'000'000;
  Flow& flow = event.flow;
  flow.cookie = 77;
  flow.conn_id = ConnectionId{0x0123456789abcdef};
  flow.netns = 4026531840;
  flow.local = {{.bytes = {10, 0, 0, 7}, .family = 4}, 48122};
  flow.remote = {{.bytes = {203, 0, 113, 10}, .family = 4}, 443};
  flow.direction = Direction::kOutbound;
  flow.state = TcpState::kEstablished;
  flow.owner.pid = 30211;
  flow.owner.opener_pid = 30200;
  flow.owner.uid = 0;
  flow.owner.cgroup_id = 12;
  flow.owner.kind = OwnerKind::kExact;
  std::strcpy(flow.owner.comm.data(), "curl");
  return event;
}

std::string line_of(const Event& event) {
  std::string text;
  EventWriter(1'700'000'000'000'000'000).event(event, text);
  return text;
}

TEST(EventJson, ConnectHasEveryField) {
  Event event = sample(EventKind::kConnect);
  event.what = event::Connect{.latency_us = 207};
  EXPECT_EQ(
      line_of(event),
      R"({"event":"connect","ts":"2023-11-14T22:13:21.500000000Z","ts_ns":1700000001500000000,)"
      R"("cookie":77,"conn_id":"0123456789abcdef","netns":4026531840,"proto":"tcp","family":4,"local_addr":"10.0.0.7",)"
      R"("local_port":48122,"remote_addr":"203.0.113.10","remote_port":443,)"
      R"("direction":"outbound","pid":30211,"opener_pid":30200,"comm":"curl","uid":0,)"
      R"("cgroup_id":12,"owner":"exact","state":"ESTABLISHED","latency_us":207})"
      "\n");
}

TEST(EventJson, WhatIsNotKnownIsNull) {
  Event event = sample(EventKind::kClose);
  event.flow.owner = {};
  event.flow.remote = {{.bytes = {}, .family = 4}, 0};
  event.flow.direction = Direction::kUnknown;
  event.flow.protocol = Protocol::kUdp;
  event.flow.state = TcpState::kNone;
  const auto json = parse(line_of(event));
  for (const char* key :
       {"pid", "opener_pid", "comm", "uid", "cgroup_id", "remote_addr", "remote_port", "direction",
        "state", "srtt_us", "min_rtt_us", "duration_us"})
    EXPECT_TRUE(json[key].IsNull()) << key;
  EXPECT_STREQ(json["owner"].GetString(), "unknown");
}

TEST(EventJson, CloseHasCounters) {
  Event event = sample(EventKind::kClose);
  std::get<event::Close>(event.what).duration_us = 5;
  event.flow.counters = {.tx_bytes = 1ull << 60,
                         .rx_bytes = 2,
                         .tx_segments = 3,
                         .rx_segments = 4,
                         .retransmits = 5,
                         .srtt_us = 6,
                         .min_rtt_us = 7};
  const std::string text = line_of(event);
  EXPECT_NE(text.find("\"tx_bytes\":1152921504606846976,"), std::string::npos) << text;
  const auto json = parse(text);
  EXPECT_EQ(json["rx_bytes"].GetUint64(), 2u);
  EXPECT_EQ(json["tx_segments"].GetUint64(), 3u);
  EXPECT_EQ(json["rx_segments"].GetUint64(), 4u);
  EXPECT_EQ(json["retransmits"].GetUint64(), 5u);
  EXPECT_EQ(json["srtt_us"].GetUint64(), 6u);
  EXPECT_EQ(json["min_rtt_us"].GetUint64(), 7u);
  EXPECT_EQ(json["duration_us"].GetUint64(), 5u);
}

TEST(EventJson, EachKindHasItsOwnFields) {
  Event failed = sample(EventKind::kConnectFailed);
  failed.what = event::ConnectFailed{.error = ECONNREFUSED};
  EXPECT_STREQ(parse(line_of(failed))["error"].GetString(), "ECONNREFUSED");
  failed.what = event::ConnectFailed{};
  EXPECT_TRUE(parse(line_of(failed))["error"].IsNull());
  failed.flow.counters.retransmits = 3;
  EXPECT_EQ(parse(line_of(failed))["retransmits"].GetUint(), 3u);
  failed.flow.has_counters = false;
  EXPECT_TRUE(parse(line_of(failed))["retransmits"].IsNull());
  Event again = sample(EventKind::kRetransmit);
  for (const char* name : {"sequence", "cwnd", "prior_cwnd"})
    EXPECT_TRUE(parse(line_of(again))[name].IsNull()) << name;
  auto& retransmit = std::get<event::Retransmit>(again.what);
  retransmit.congestion_window = 10;
  EXPECT_EQ(parse(line_of(again))["sequence"].GetUint(), 0u);
  retransmit.prior_window = 42;
  EXPECT_EQ(parse(line_of(again))["cwnd"].GetUint(), 10u);
  EXPECT_EQ(parse(line_of(again))["prior_cwnd"].GetUint(), 42u);
  Event reset = sample(EventKind::kReset);
  EXPECT_STREQ(parse(line_of(reset))["reset"].GetString(), "received");
  reset.what = event::Reset{.sent = true};
  EXPECT_STREQ(parse(line_of(reset))["reset"].GetString(), "sent");
  Event state = sample(EventKind::kState);
  state.what = event::StateChange{TcpState::kSynSent};
  EXPECT_STREQ(parse(line_of(state))["old_state"].GetString(), "SYN_SENT");
  Event data = sample(EventKind::kData);
  data.what = event::Data{.sent = false, .bytes = 64};
  EXPECT_STREQ(parse(line_of(data))["call"].GetString(), "recv");
  EXPECT_EQ(parse(line_of(data))["bytes"].GetUint64(), 64u);
  Event peer = sample(EventKind::kUdpPeer);
  peer.flow.protocol = Protocol::kUdp;
  peer.flow.peer_of = 77;
  peer.flow.app = App::kQuic;
  peer.flow.counters.rx_bytes = 100;
  peer.what = event::UdpPeerClose{5};
  const std::string line = line_of(peer);
  EXPECT_STREQ(parse(line)["event"].GetString(), "udp_peer");
  EXPECT_EQ(parse(line)["peer_of"].GetUint64(), 77u);
  EXPECT_STREQ(parse(line)["app"].GetString(), "quic");
  EXPECT_EQ(parse(line)["rx_bytes"].GetUint64(), 100u);
  EXPECT_EQ(parse(line)["duration_us"].GetUint64(), 5u);
  EXPECT_FALSE(parse(line_of(data)).HasMember("peer_of"));
  Event gap;
  gap.what = event::Gap{{.ring_full = 9}};
  EXPECT_EQ(parse(line_of(gap))["lost"]["ring_full"].GetUint64(), 9u);
}

TEST(EventJson, AStoryFitsTheSchema) {
  Story story;
  auto process = std::make_shared<ProcessInfo>();
  process->pid = 7;
  story.process = process;
  std::string line;
  EventWriter(0).story(story, line);
  EXPECT_EQ(schema_problem("trace", line), "");
  story.dns_queries = 2;
  story.dns_failed = 1;
  story.dns_unanswered = 1;
  line.clear();
  EventWriter(0).story(story, line);
  EXPECT_EQ(schema_problem("trace", line), "");
  EXPECT_EQ(parse(line)["dns_queries"].GetUint64(), 2u);
}

TEST(EventJson, HostileNamesAreValidUtf8OnOneLine) {
  Event event = sample(EventKind::kAccept);
  std::memcpy(event.flow.owner.comm.data(), "\x1b[31m\n\"\xff\xc2\x9b\x7f\\", 13);
  const std::string text = line_of(event);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x9b'), std::string::npos);
  EXPECT_EQ(text.find('\x7f'), std::string::npos);
  EXPECT_STREQ(parse(text)["comm"].GetString(), "\x1b[31m\n\"\xef\xbf\xbd\xc2\x9b\x7f\\");
}

TEST(SnapshotJson, IsOneDocument) {
  Snapshot snapshot;
  snapshot.wall_ns = 1'700'000'000'000'000'000;
  snapshot.mono_ns = 10'000'000'000;
  snapshot.lost.ring_full = 3;
  snapshot.doors = {{Observation::kTcpLifecycle, "tp_btf/inet_sock_set_state", ""},
                    {Observation::kRetransmits, "tp_btf/x", "Operation not permitted"}};
  Flow flow = sample(EventKind::kConnect).flow;
  flow.opened_ns = 9'000'000'000;
  flow.tx_rate = 12.6;
  snapshot.flows.push_back(flow);
  Process process;
  process.pid = 30211;
  process.tx_bytes = 5;
  snapshot.processes.push_back(process);
  for (const bool pretty : {false, true}) {
    std::string text;
    write_snapshot_json(snapshot, {"web-03", "boot"}, pretty,
                        [&text](std::string_view piece) { text += piece; });
    EXPECT_EQ(text.back(), '\n');
    const auto json = parse(text);
    EXPECT_STREQ(json["schema"].GetString(), "sockscope.snapshot.v1");
    EXPECT_STREQ(json["host"].GetString(), "web-03");
    EXPECT_STREQ(json["ts"].GetString(), "2023-11-14T22:13:20.000000000Z");
    EXPECT_TRUE(json["interval_s"].IsNull());
    EXPECT_EQ(json["lost"]["ring_full"].GetUint64(), 3u);
    EXPECT_TRUE(json["doors"][0]["refused"].IsNull());
    EXPECT_STREQ(json["doors"][1]["refused"].GetString(), "Operation not permitted");
    const auto& row = json["flows"][0];
    EXPECT_EQ(row["tx_rate"].GetUint64(), 13u);
    EXPECT_TRUE(row["rx_rate"].IsNull());
    EXPECT_EQ(row["age_us"].GetUint64(), 1'000'000u);
    EXPECT_STREQ(row["opened"].GetString(), "2023-11-14T22:13:19.000000000Z");
    EXPECT_FALSE(row["closed"].GetBool());
    EXPECT_EQ(json["processes"][0]["tx_bytes"].GetUint64(), 5u);
    EXPECT_TRUE(json["processes"][0]["comm"].IsNull());
  }
}

TEST(SnapshotJson, ComesInPieces) {
  Snapshot snapshot;
  snapshot.flows.assign(1000, sample(EventKind::kConnect).flow);
  std::string text;
  std::size_t largest = 0;
  write_snapshot_json(snapshot, {"host", ""}, false, [&](std::string_view piece) {
    text += piece;
    largest = std::max(largest, piece.size());
  });
  EXPECT_LE(largest, 64u << 10);
  EXPECT_EQ(parse(text)["flows"].Size(), 1000u);
}

}  // namespace
}  // namespace sockscope
