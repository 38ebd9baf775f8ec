// SPDX-License-Identifier: Apache-2.0
// Text files about the host, from /proc and /etc, to values. Pure. What is not there is empty.
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
  std::uint64_t idle = 0;  // and waiting for disks
};
struct CpuReading {
  std::optional<CpuTimes> all;
  std::vector<CpuTimes> cores;  // those online, by number
};
CpuReading parse_cpu_stat(std::string_view proc_stat);

// Fills memory and swap.
void parse_meminfo(std::string_view proc_meminfo, SystemFacts& facts);
// Fills the loads.
void parse_loadavg(std::string_view proc_loadavg, SystemFacts& facts);

// Sums of the disks themselves: without partitions, loop, ram and device mapper, which would count
// the same bytes again.
std::optional<DiskIo> parse_diskstats(std::string_view proc_diskstats);

// ListenDrops of TcpExt.
std::optional<std::uint64_t> parse_listen_drops(std::string_view proc_net_netstat);

struct Mount {
  std::string device;
  std::string directory;
};
// Block devices (/dev/…), without file systems in user space, which might not answer.
std::vector<Mount> parse_mounts(std::string_view proc_mounts);

std::optional<std::uint64_t> parse_uptime(std::string_view proc_uptime);  // seconds
std::string parse_cpu_model(std::string_view proc_cpuinfo);
std::string parse_os_name(std::string_view etc_os_release);

// The name servers of resolv.conf, in its order.
std::vector<Address> parse_resolv_conf(std::string_view resolv_conf);

}  // namespace sockscope
