// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "decode/host_files.h"

namespace sockscope {

// How busy the processors were between two readings of /proc/stat, in percent with one decimal.
class CpuUsage {
 public:
  // Fills cpu_usage_pct and cpu_per_core; leaves them empty in the first reading, and per core when
  // one was taken away or added.
  void update(CpuReading reading, SystemFacts& facts);

 private:
  CpuReading last_;
};

}  // namespace sockscope
