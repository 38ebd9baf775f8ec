// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "decode/host_files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  parse_cpu_stat(text);
  SystemFacts facts;
  parse_meminfo(text, facts);
  parse_loadavg(text, facts);
  parse_diskstats(text);
  parse_listen_drops(text);
  for (const Mount& mount : parse_mounts(text))
    if (mount.device.empty() || mount.directory.empty()) __builtin_trap();
  parse_uptime(text);
  parse_cpu_model(text);
  parse_os_name(text);
  parse_resolv_conf(text);
  return 0;
}
