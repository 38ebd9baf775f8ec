// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "decode/host_files.h"

namespace sockscope {

// How busy the processors were between two readings of /proc/stat, in percent with one decimal.
class CpuUsage {
 public:
  // Fills in cpu_usage_pct and cpu_per_core. Leaves them empty in the first reading, and the latter
  // when a core was removed or added.
  void update(CpuReading reading, SystemFacts& facts);

 private:
  CpuReading last_;
};

}  // namespace sockscope
