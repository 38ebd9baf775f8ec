// SPDX-License-Identifier: Apache-2.0
// Which door each observation has. tests/vm reads what this prints.
#include <map>

#include "live_support.h"

namespace sockscope::live {
namespace {

TEST(Doors, OneInUseForEachObservationOrReasons) {
  Options options;
  options.processes = options.describe = options.holders = options.dns =
      options.refusals = options.udp_peers = true;
  Collector collector(options);
  std::map<std::string, int> in_use;
  for (const Door& door : collector.monitor().doors()) {
    EXPECT_FALSE(door.observation.empty());
    EXPECT_FALSE(door.name.empty() && door.refused.empty()) << door.observation;
    in_use[door.observation] += door.refused.empty();
    std::printf("door|%s|%s|%s|%s\n", door.observation.c_str(), door.name.c_str(),
                door.refused.c_str(), door.limits.c_str());
  }
  std::fflush(stdout);
  EXPECT_FALSE(in_use.empty());
  for (const auto& [observation, count] : in_use) EXPECT_LE(count, 1) << observation;
}

}  // namespace
}  // namespace sockscope::live
