// SPDX-License-Identifier: Apache-2.0
// The files of /proc/PID to values. Pure; any bytes are allowed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope {

// /proc/PID/stat
struct ProcStat {
  std::uint32_t pid = 0;
  std::string comm;  // may hold anything, spaces and parentheses too
  char state = 0;
  std::uint32_t parent_pid = 0;
  std::uint32_t session = 0;
  std::uint32_t threads = 0;
  std::uint64_t start_ticks = 0;  // since boot, in units of 1 / sysconf(_SC_CLK_TCK)
  // Where the stack was when the program began: the number of its arguments stands there. 0: not
  // told.
  std::uint64_t start_stack = 0;
};
std::optional<ProcStat> parse_proc_stat(std::string_view text);

// /proc/PID/status
struct ProcStatus {
  std::uint32_t uid = 0;  // effective
  std::uint32_t gid = 0;
  std::uint32_t tracer_pid = 0;
  std::uint32_t inner_pid = 0;  // in the innermost pid namespace; 0: there is but one
};
std::optional<ProcStatus> parse_proc_status(std::string_view text);

// /proc/PID/cmdline: arguments end with NUL, of the last one it may be missing. None: a kernel
// thread.
std::vector<std::string> split_arguments(std::string_view bytes);

// With a space between.
std::string join_arguments(const std::vector<std::string>& arguments);

// /proc/PID/cgroup: the path that tells most. Version 2's, unless that is the root and one of
// version 1 is not. "" when there is none.
std::string parse_proc_cgroup(std::string_view text);

// "net:[4026531840]": the link /proc/PID/ns/net. 0 when it is none.
std::uint32_t parse_namespace_link(std::string_view text);

}  // namespace sockscope
