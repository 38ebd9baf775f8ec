// SPDX-License-Identifier: Apache-2.0
// Which door each observation has. tests/vm reads what this prints.
#include <map>

#include "live_support.h"

namespace sockscope::live {
namespace {

TEST(Doors, OneInUseForEachObservationOrReasons) {
  Options options;
  options.processes = options.describe = options.holders = options.dns = options.refusals =
      options.udp_peers = true;
  Collector collector(options);
  std::map<Observation, int> in_use;
  for (const Door& door : collector.monitor().doors()) {
    EXPECT_FALSE(door.name.empty() && door.refused.empty()) << to_string(door.observation);
    in_use[door.observation] += door.refused.empty();
    // A verifier that gave up after a million steps is a fault of ours, which another door would
    // hide.
    EXPECT_EQ(door.refused.find("too large"), std::string::npos)
        << door.name << ": " << door.refused;
    std::printf("door|%s|%s|%s|%s\n", to_string(door.observation), door.name.c_str(),
                door.refused.c_str(), door.limits.c_str());
  }
  std::fflush(stdout);
  EXPECT_FALSE(in_use.empty());
  for (const auto& [observation, count] : in_use) EXPECT_LE(count, 1) << to_string(observation);
}

}  // namespace
}  // namespace sockscope::live
