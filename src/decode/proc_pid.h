// SPDX-License-Identifier: Apache-2.0
// Decodes the files of /proc/PID. Pure; accepts any bytes.
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
  std::string comm;  // any bytes, including spaces and parentheses
  char state = 0;
  std::uint32_t parent_pid = 0;
  std::uint32_t session = 0;
  std::uint32_t threads = 0;
  std::uint64_t start_ticks = 0;  // since boot, in units of 1 / sysconf(_SC_CLK_TCK)
  // Address of the stack at the program's start, where the number of its arguments is stored. 0:
  // not known.
  std::uint64_t start_stack = 0;
};
std::optional<ProcStat> parse_proc_stat(std::string_view text);

// /proc/PID/status
struct ProcStatus {
  std::uint32_t uid = 0;  // effective
  std::uint32_t gid = 0;
  std::uint32_t tracer_pid = 0;
  std::uint32_t inner_pid = 0;  // in the innermost pid namespace; 0: there is only one
};
std::optional<ProcStatus> parse_proc_status(std::string_view text);

// /proc/PID/cmdline: each argument ends with a NUL, which may be missing after the last. None: a
// kernel thread.
std::vector<std::string> split_arguments(std::string_view bytes);

// With a space between arguments.
std::string join_arguments(const std::vector<std::string>& arguments);

// /proc/PID/cgroup: the most informative path. This is version 2's, unless that is the root and one
// of version 1 is not. "": there is none.
std::string parse_proc_cgroup(std::string_view text);

// Parses "net:[4026531840]", the link /proc/PID/ns/net. 0: something else.
std::uint32_t parse_namespace_link(std::string_view text);

}  // namespace sockscope
