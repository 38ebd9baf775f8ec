// SPDX-License-Identifier: Apache-2.0
#include "format/host_json.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "format/schema_testing.h"

namespace sockscope {
namespace {

TEST(HostJson, HasEveryFieldOfTheSchema) {
  HostFacts facts;
  facts.wall_ns = 1'763'683'200'000'000'000;
  facts.interval_s = 1.0004;
  facts.interfaces.resize(2);
  Interface& interface = facts.interfaces[1];
  interface.name = "et\x1bh0";
  interface.speed_bits = 1'000'000'000;
  interface.addresses = {{Address{.bytes = {192, 0, 2, 7}, .family = 4}, 24}};
  interface.rx_rate = 12.6;
  interface.rx_history = {13};
  facts.system.cpu_usage_pct = 12.5;
  facts.system.cpu_per_core = {12.5};
  facts.disks = {{"/", "/dev/vda", 10, 5, 4, 55.6}};
  facts.disk_io = DiskIo{1, 2};
  facts.listen_drops = 3;
  facts.gateway.target = Address{.bytes = {192, 0, 2, 1}, .family = 4};
  facts.gateway.loss_pct = 100.0 / 3;
  facts.gateway.rtt_history = {0.25, std::nullopt};
  facts.dns.problem = "no name server";
  Reconciliation bytes;
  bytes.counted = {"eth0"};
  bytes.unexplained_rx_bytes = -5;
  const std::string line = host_json(facts, {"web-03", "boot"}, bytes, "");
  EXPECT_EQ(schema_problem("host", line), "");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  rapidjson::Document document;
  document.Parse(line.c_str());
  const auto& second = document["interfaces"][1];
  EXPECT_STREQ(second["name"].GetString(), "et\x1bh0");
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(second["rx_rate"].GetUint64(), 13u);
  EXPECT_STREQ(second["addresses"][0].GetString(), "192.0.2.7/24");
  EXPECT_TRUE(document["interfaces"][0]["rx_rate"].IsNull());
  EXPECT_EQ(document["interval_s"].GetDouble(), 1.0);
  EXPECT_EQ(document["gateway"]["loss_pct"].GetDouble(), 33.333);
  EXPECT_TRUE(document["gateway"]["rtt_history"][1].IsNull());
  EXPECT_EQ(document["listen_drops"].GetUint64(), 3u);
  EXPECT_EQ(document["bytes"]["unexplained_rx_bytes"].GetInt(), -5);

  const std::string empty = host_json({}, {}, std::nullopt, "not permitted");
  EXPECT_EQ(schema_problem("host", empty), "");
}

}  // namespace
}  // namespace sockscope
