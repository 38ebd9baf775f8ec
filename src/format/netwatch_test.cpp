// SPDX-License-Identifier: Apache-2.0
#include "format/netwatch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "format/json_text.h"
#include "format/netwatch_json.h"
#include "format/schema_testing.h"

namespace sockscope::netwatch {
namespace {

constexpr std::uint64_t kWall = 1'763'683'200'123'456'789;  // 2025-11-21T00:00:00

// All fields, with values at their limits.
Snapshot full() {
  Snapshot snapshot;
  snapshot.timestamp = "2025-11-21T00:00:00.123456789Z";
  InterfaceMetric interface;
  interface.name = "eth0";
  interface.is_up = true;
  interface.rx_bytes = std::numeric_limits<std::uint64_t>::max();
  interface.rx_rate = 1e15 + 0.125;
  interface.tx_rate = 0.001;
  interface.rx_history = std::vector<std::uint64_t>{0, 1, 1ull << 60};
  snapshot.interfaces = {interface, {}};
  snapshot.health.emplace();
  snapshot.health->gateway_ip = "192.0.2.1";
  snapshot.health->gateway_rtt_ms = 0.345;
  snapshot.health->gateway_loss_pct = 33.333;
  snapshot.health->gateway_rtt_history = {{0.5, std::nullopt, 12.0}};
  snapshot.connection_count = 7;
  snapshot.system.emplace();
  snapshot.system->cpu_usage_pct = 12.5;
  snapshot.system->cpu_per_core = std::vector<double>{0, 100};
  snapshot.system->load_avg_1m = 0.1;
  snapshot.disk_usage = {{"/a \"b\"\n", "/dev/vda1", 3, 2, 1, 66.7}};
  snapshot.disk_io = DiskIo{1, 2};
  snapshot.tcp_time_wait = 0;
  snapshot.tcp_close_wait = 4'294'967'295;
  snapshot.processes = {{"curl", 12, 1, 2, 3.5, 0.25, 1}, {"[unattributed]", {}, 0, 0, 0, 0, 0}};
  snapshot.connections = {{"TCP", "[::1]:1", "[::1]:2", "ESTABLISHED", 12, "caf\u00e9", 38.25},
                          {"UDP", "0.0.0.0:53", "*:*", "UNCONN", {}, {}, {}}};
  snapshot.alerts = {{"warning", "bandwidth", "m", "d", "2025-11-21T00:00:00Z"}};
  snapshot.dns_analytics = DnsAnalytics{5, 4, 1, 2, {1, 2, 3, 4, 5, 6, 7, 8}, {{"example.org", 3}}};
  return snapshot;
}

TEST(NetwatchJson, RoundTripIsTheIdentity) {
  const std::string json = to_json(full());
  EXPECT_EQ(schema_problem("netwatch-snapshot", json), "");
  const auto read = read_snapshot(json);
  ASSERT_TRUE(read) << read.error().detail();
  EXPECT_EQ(*read, full());
  EXPECT_EQ(to_json(*read), json);
}

TEST(NetwatchJson, RoundTripOfTheSmallest) {
  Snapshot snapshot;
  snapshot.timestamp = "2025-11-21T00:00:00Z";
  const std::string json = to_json(snapshot);
  EXPECT_EQ(json, R"({"timestamp":"2025-11-21T00:00:00Z","interfaces":[]})");
  EXPECT_EQ(schema_problem("netwatch-snapshot", json), "");
  EXPECT_EQ(read_snapshot(json).value(), snapshot);
}

TEST(NetwatchJson, RoundTripOfARequest) {
  IngestRequest request;
  request.agent_version = "0.1.0";
  request.host = {
      "01234567-89ab-4cde-8f01-23456789abcd", "web-03", "Debian", "6.1.0", 5, "CPU", 2, 1ull << 40};
  request.snapshots = {full(), full()};
  request.schema_version = 1;
  request.agent_health = AgentHealth{true, 3, 0};
  const std::string json = to_json(request);
  EXPECT_EQ(schema_problem("netwatch-ingest", json), "");
  const auto read = read_ingest_request(json);
  ASSERT_TRUE(read) << read.error().detail();
  EXPECT_EQ(*read, request);
}

TEST(NetwatchJson, FieldNamesAreTheContract) {
  Snapshot snapshot;
  snapshot.timestamp = "t";
  snapshot.interfaces = {{.name = "eth0", .is_up = true, .rx_bytes = 1, .tx_bytes = 2}};
  EXPECT_EQ(to_json(snapshot),
            R"({"timestamp":"t","interfaces":[{"name":"eth0","is_up":true,"rx_bytes":1,)"
            R"("tx_bytes":2,"rx_bytes_delta":0,"tx_bytes_delta":0,"rx_packets":0,"tx_packets":0,)"
            R"("rx_errors":0,"tx_errors":0,"rx_drops":0,"tx_drops":0}]})");
}

TEST(NetwatchJson, UnknownFieldsArePassedOverAndNullIsNothing) {
  const auto read =
      read_snapshot(R"({"timestamp":"t","later":{"deep":[1,{}]},"interfaces":[],"health":null,)"
                    R"("connection_count":null,"system":{"cpu_usage_pct":null,"new":1}})");
  ASSERT_TRUE(read) << read.error().detail();
  EXPECT_FALSE(read->health);
  EXPECT_FALSE(read->connection_count);
  ASSERT_TRUE(read->system);
  EXPECT_FALSE(read->system->cpu_usage_pct);
}

TEST(NetwatchJson, WrongTypesAreRefusedWithTheirPath) {
  const auto problem = [](std::string_view json) {
    const auto read = read_snapshot(json);
    return read ? std::string() : read.error().detail();
  };
  EXPECT_EQ(problem(R"({"interfaces":[]})"), "timestamp: is missing");
  EXPECT_EQ(problem(R"({"timestamp":"t"})"), "interfaces: is missing");
  EXPECT_EQ(problem(R"({"timestamp":7,"interfaces":[]})"),
            "timestamp: is a number of another kind, not a text");
  EXPECT_EQ(problem(R"({"timestamp":"t","interfaces":null})"), "interfaces: is null, not an array");
  EXPECT_EQ(problem(R"({"timestamp":"t","interfaces":[],"tcp_time_wait":-1})"),
            "tcp_time_wait: is a number of another kind, not a whole number of 32 bits");
  EXPECT_EQ(
      problem(R"({"timestamp":"t","interfaces":[],"disk_io":{"read_bytes":1.5,"write_bytes":1}})"),
      "disk_io.read_bytes: is a number of another kind, not a whole number");
  EXPECT_EQ(problem(R"({"timestamp":"t","interfaces":[{"name":"a","is_up":"yes"}]})"),
            "interfaces[0].is_up: is a text, not true or false");
  EXPECT_EQ(
      problem(R"({"timestamp":"t","interfaces":[],"health":{"dns_rtt_history":[1,null,"x"]}})"),
      "health.dns_rtt_history[2]: is a text, not a number");
  EXPECT_EQ(problem(R"({"timestamp":"t","interfaces":[],"dns_analytics":{"total_queries":1,)"
                    R"("total_responses":1,"nxdomain_count":1,"latency_buckets":[],)"
                    R"("top_domains":[["a"]]}})"),
            "dns_analytics.top_domains[0]: is an array, not a pair of name and number");
  EXPECT_EQ(problem("[]"), "the document: is an array, not an object");
  EXPECT_NE(problem("{"), "");
  EXPECT_NE(problem(""), "");
}

TEST(NetwatchJson, DeepNestingAndWrongBytesAreErrors) {
  EXPECT_FALSE(read_snapshot(std::string(1'000'000, '[')));
  EXPECT_FALSE(read_snapshot("{\"timestamp\":\"\xff\xfe\",\"interfaces\":[]}"));
}

TEST(NetwatchJson, NamesFromOutsideAreMadeHarmless) {
  Snapshot snapshot;
  snapshot.timestamp = "t";
  snapshot.connections = {{"TCP", "a", "b", "c", {}, "x\x1b[2J\xff\xc2\x9b", {}}};
  const std::string json = to_json(snapshot);
  for (const char c : json) EXPECT_TRUE(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
  EXPECT_EQ(json.find("\xc2\x9b"), std::string::npos);
  EXPECT_NE(json.find("\\u001b[2J\xef\xbf\xbd\\u009b"), std::string::npos);
}

TEST(JsonDecimal, IsNeverScientificAndReadsBack) {
  for (const double value : {0.0, 1.0, 0.1, 1e-7, 5e-324, 1e21, 1.7976931348623157e308, 1.0 / 3}) {
    const std::string text = json_decimal(value);
    EXPECT_EQ(text.find_first_not_of("0123456789."), std::string::npos) << text;
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), value);
  }
  EXPECT_EQ(json_decimal(std::nan("")), "0");
  EXPECT_EQ(json_decimal(HUGE_VAL), "0");
}

Flow flow(Protocol protocol, TcpState state, std::uint16_t remote_port) {
  Flow result;
  result.protocol = protocol;
  result.state = state;
  result.local = {{.bytes = {10, 0, 0, 7}, .family = 4}, 1000};
  result.remote.addr.family = 4;
  if (remote_port != 0) result.remote = {{.bytes = {203, 0, 113, 10}, .family = 4}, remote_port};
  return result;
}

sockscope::Snapshot sockets() {
  sockscope::Snapshot snapshot;
  snapshot.interval_s = 1;
  snapshot.flows = {flow(Protocol::kTcp, TcpState::kEstablished, 443),
                    flow(Protocol::kTcp, TcpState::kTimeWait, 444),
                    flow(Protocol::kTcp, TcpState::kClose, 445),
                    flow(Protocol::kTcp, TcpState::kCloseWait, 446),
                    flow(Protocol::kUdp, TcpState::kNone, 53),
                    flow(Protocol::kUdp, TcpState::kNone, 0),
                    flow(Protocol::kUdp, TcpState::kNone, 54)};
  snapshot.flows.back().peer_of = 7;  // a remote end of the previous socket
  snapshot.flows[0].owner.pid = 12;
  std::strcpy(snapshot.flows[0].owner.comm.data(), "curl");
  snapshot.flows[0].counters.srtt_us = 38'250;
  snapshot.flows[1].closed = true;  // the kernel still keeps it
  snapshot.flows[2].closed = true;  // the kernel no longer has it
  snapshot.processes.resize(2);
  snapshot.processes[0].rx_bytes = 5;
  snapshot.processes[1].pid = 12;
  std::strcpy(snapshot.processes[1].comm.data(), "curl");
  snapshot.processes[1].tx_rate = 10.00049;
  snapshot.processes[1].open_flows = 3;
  return snapshot;
}

TEST(MakeSnapshot, OfSockets) {
  const Snapshot made = make_snapshot(kWall, sockets());
  EXPECT_EQ(schema_problem("netwatch-snapshot", to_json(made)), "");
  EXPECT_EQ(made.timestamp, "2025-11-21T00:00:00.123456789Z");
  EXPECT_TRUE(made.interfaces.empty());
  EXPECT_FALSE(made.system);
  EXPECT_FALSE(made.alerts);
  EXPECT_FALSE(made.dns_analytics);
  EXPECT_EQ(made.connection_count, 1u);
  EXPECT_EQ(made.tcp_time_wait, 1u);
  EXPECT_EQ(made.tcp_close_wait, 1u);
  ASSERT_EQ(made.connections->size(), 5u);
  const ConnectionDetail& curl = made.connections->front();
  EXPECT_EQ(curl, (ConnectionDetail{"TCP", "10.0.0.7:1000", "203.0.113.10:443", "ESTABLISHED", 12,
                                    "curl", 38'250.0}));
  EXPECT_EQ((*made.connections)[3].state, "ESTABLISHED");
  EXPECT_EQ((*made.connections)[3].protocol, "UDP");
  EXPECT_EQ((*made.connections)[4].state, "UNCONN");
  EXPECT_EQ((*made.connections)[4].remote_addr, "*:*");
  EXPECT_FALSE((*made.connections)[4].pid);
  ASSERT_EQ(made.processes->size(), 2u);
  EXPECT_EQ(made.processes->front(), (ProcessBandwidth{"curl", 12, 0, 0, 0, 10, 3}));
  EXPECT_EQ(made.processes->back(), (ProcessBandwidth{"[unattributed]", {}, 5, 0, 0, 0, 0}));
}

TEST(MakeSnapshot, RatesThatWereNotMeasuredAreNotThere) {
  sockscope::Snapshot first = sockets();
  first.interval_s.reset();
  EXPECT_FALSE(make_snapshot(kWall, first).processes);
}

TEST(MakeSnapshot, OfTheHost) {
  HostFacts host;
  host.wall_ns = kWall;
  host.interfaces.resize(3);
  host.interfaces[0].name = "lo";
  host.interfaces[0].is_loopback = true;
  host.interfaces[1].name = "eth0";
  host.interfaces[2].name = "eth1";
  host.interfaces[2].rx_rate = 5.5;
  host.interfaces[2].rx_history = {1, 5};
  host.probes = true;
  host.gateway.target = Address{.bytes = {192, 0, 2, 1}, .family = 4};
  host.gateway.loss_pct = 100;
  host.gateway.rtt_history = {1.0, std::nullopt};
  const Snapshot made = make_snapshot(host, {});
  EXPECT_EQ(schema_problem("netwatch-snapshot", to_json(made)), "");
  ASSERT_EQ(made.interfaces.size(), 2u);
  EXPECT_EQ(made.interfaces[0].name, "eth0");
  EXPECT_EQ(made.interfaces[0].rx_rate, 0.0);  // first sample
  EXPECT_FALSE(made.interfaces[0].rx_history);
  EXPECT_EQ(made.interfaces[1].rx_rate, 5.5);
  EXPECT_EQ(made.health->gateway_ip, "192.0.2.1");
  EXPECT_EQ(made.health->gateway_loss_pct, 100.0);
  EXPECT_FALSE(made.health->gateway_rtt_ms);
  EXPECT_FALSE(made.health->dns_ip);
  EXPECT_EQ(made.health->gateway_rtt_history->size(), 2u);
  host.gateway.target.reset();
  EXPECT_FALSE(make_snapshot(host, {}).health);
}

}  // namespace
}  // namespace sockscope::netwatch
