// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "decode/procfs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  sockscope::find_cgroup2_mount(text);
  sockscope::parse_stat(text);
  sockscope::find_real_uid(text);
  sockscope::find_cgroup2_path(text);
  return 0;
}
