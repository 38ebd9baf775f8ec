// SPDX-License-Identifier: Apache-2.0
// Decodes text files of /proc. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sockscope {

// Where cgroup2 is mounted, from the text of /proc/self/mounts.
std::optional<std::string> find_cgroup2_mount(std::string_view mounts);

// Which part of the cgroup hierarchy that mount shows, from the text of /proc/self/mountinfo: "/"
// for everything in this cgroup namespace, "/.." for one level above it. "": there is no such
// mount.
std::string find_cgroup2_root(std::string_view mountinfo);

// The path of a cgroup as seen in a cgroup namespace whose root is `root`: "/../x" for one beside
// the root, "" for the root itself. Both paths must start from the same place.
std::string relative_cgroup(std::string_view path, std::string_view root);

// Name and start of a process, from the text of /proc/PID/stat.
struct ProcessStat {
  std::array<char, 16> comm{};    // any bytes
  std::uint64_t start_ticks = 0;  // since boot, in units of 1 / sysconf(_SC_CLK_TCK)
};
std::optional<ProcessStat> parse_stat(std::string_view stat) noexcept;

// The real user, from the text of /proc/PID/status.
std::optional<std::uint32_t> find_real_uid(std::string_view status) noexcept;

// The path in the cgroup v2 hierarchy, from the text of /proc/PID/cgroup.
std::optional<std::string> find_cgroup2_path(std::string_view cgroups);

}  // namespace sockscope
