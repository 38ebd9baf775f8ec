// SPDX-License-Identifier: Apache-2.0
// Reads text files about the host from /proc and /etc. Pure. What is missing in them is empty.
#pragma once

#include <sockscope/host.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope {

// Clock ticks since boot.
struct CpuTimes {
  std::uint64_t busy = 0;
  std::uint64_t idle = 0;  // including waiting for disks
};
struct CpuReading {
  std::optional<CpuTimes> all;
  std::vector<CpuTimes> cores;  // online ones, by number
};
CpuReading parse_cpu_stat(std::string_view proc_stat);

// Fills in memory and swap.
void parse_meminfo(std::string_view proc_meminfo, SystemFacts& facts);
// Fills in the loads.
void parse_loadavg(std::string_view proc_loadavg, SystemFacts& facts);

// Sums over whole disks, without partitions, loop, ram and device mapper, which would count the
// same bytes again.
std::optional<DiskIo> parse_diskstats(std::string_view proc_diskstats);

// The value ListenDrops of TcpExt.
std::optional<std::uint64_t> parse_listen_drops(std::string_view proc_net_netstat);

struct Mount {
  std::string device;
  std::string directory;
};
// Block devices (/dev/…). File systems in user space are left out, because they might not answer.
std::vector<Mount> parse_mounts(std::string_view proc_mounts);

std::optional<std::uint64_t> parse_uptime(std::string_view proc_uptime);  // seconds
std::string parse_cpu_model(std::string_view proc_cpuinfo);
std::string parse_os_name(std::string_view etc_os_release);

// The name servers of resolv.conf, in the same order.
std::vector<Address> parse_resolv_conf(std::string_view resolv_conf);

}  // namespace sockscope
