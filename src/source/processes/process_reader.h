// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/process.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "source/processes/cgroup_tree.h"

namespace sockscope {

// What files say about processes: /proc, the cgroup file system, and the files of container
// runtimes. All paths start at `root` ("" for the real ones), so that tests can use recorded trees.
//
// Without capabilities, the executable and the network namespace of other users' processes cannot
// be read; they stay unknown.
class ProcessReader {
 public:
  // most_arguments: how many bytes of a process's arguments are read; the process chooses how many
  // there are.
  static constexpr std::size_t kMostArguments = 4096;
  explicit ProcessReader(std::string root = "", std::size_t most_arguments = kMostArguments);

  // Empty: there is no such process, or no longer.
  std::optional<ProcessInfo> read(std::uint32_t pid);

  // These read one file each, to complete what another source told of a process.
  std::shared_ptr<const Program> read_program(std::uint32_t pid) const;
  // Returns `told`, completed if the process still runs that program.
  std::shared_ptr<const Program> read_rest(std::uint32_t pid, std::uint64_t start_ns,
                                           std::shared_ptr<const Program> told) const;
  // number: of the cgroup (v2); 0: not available.
  std::shared_ptr<const ControlGroup> read_cgroup(std::uint32_t pid, std::uint64_t& number);
  // CLOCK_BOOTTIME, rounded to 10 ms; 0: the process is gone.
  std::uint64_t read_start_ns(std::uint32_t pid) const;
  std::uint32_t read_threads(std::uint32_t pid) const;  // 0: the process is gone

  // The cgroup (v2) with that number, searched in the file system. null: there is none, or no
  // longer.
  std::shared_ptr<const ControlGroup> find_cgroup(std::uint64_t id);

  // Calls `handle` with every process in /proc.
  void for_each_pid(const std::function<void(std::uint32_t pid)>& handle) const;

 private:
  std::string text_of(std::uint32_t pid, const std::string& file) const;
  std::string link_of(std::uint32_t pid, const std::string& file) const;
  std::string living_thread_of(std::uint32_t pid) const;
  void read_arguments(std::uint32_t pid, const std::string& thread, Program& program) const;
  std::uint32_t count_arguments(std::uint32_t pid, const std::string& thread) const;
  std::shared_ptr<const ControlGroup> group_of(const std::string& path);
  void name_container(ControlGroup& group) const;

  std::string root_;
  std::size_t most_arguments_;
  std::uint64_t tick_ns_;
  CgroupTree cgroups_;
  std::unordered_map<std::string, std::shared_ptr<const ControlGroup>> groups_;  // by path
  std::unordered_map<std::uint64_t, std::string> paths_;  // by number; an empty path: there is none
};

}  // namespace sockscope
