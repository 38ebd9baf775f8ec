// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "source/processes/cgroup_tree.h"

namespace sockscope {

// Which process holds a socket, from the links in /proc/PID/fd, and in those of threads that have
// open files of their own. What was found is remembered from poll to poll, so that a host on which
// no socket comes costs no walk. Of several holders it is the one with the least pid, but a process
// that is known to hold sockets is asked first.
class SocketOwners {
 public:
  explicit SocketOwners(std::string proc = "/proc");

  // A poll begins. Processes that are gone are forgotten with what they held, and so is what a
  // process has handed on since.
  void begin(std::uint64_t now_ns);
  // nullptr: not known. Then a later find_unknown() looks for it.
  const Owner* find(std::uint64_t inode);
  // Looks for the holders of what find() did not know. True: found some. Unless it must be at once,
  // it does nothing while searches would take more than a tenth of a CPU.
  bool find_unknown(std::uint64_t now_ns, bool at_once = false);
  // The poll is over: what was not asked for is forgotten.
  void end();

  std::size_t known_inodes() const noexcept { return holders_.size(); }
  std::size_t known_processes() const noexcept { return processes_.size(); }
  std::uint64_t walks() const noexcept { return walks_; }
  // Open files of some process could not be seen.
  bool was_refused() const noexcept { return was_refused_; }
  // Those, and why: for want of privileges, or hidden from everybody.
  Door refused_door() const;

 private:
  struct Holder {
    std::uint32_t pid = 0;  // 0: not found
    std::uint32_t poll = 0;
    std::uint32_t tid = 0;  // the thread whose files have it
    std::uint32_t fd = 0;
    std::uint8_t searches = 0;
    std::uint8_t checks = 0;
  };
  struct Process {
    Owner owner;
    std::uint64_t start_ticks = 0;
    std::uint32_t poll = 0;  // last one that asked for something it holds
  };

  bool look_into(std::uint32_t pid, std::uint32_t tid);
  bool look_into_threads(std::uint32_t pid);
  Process* learn(std::uint32_t pid);
  std::uint64_t cgroup_of(std::uint32_t pid) const;
  void verify();
  bool still_holds(std::uint64_t inode, const Holder& holder) const;
  bool exhausted(const Holder& holder) const noexcept;

  std::string proc_;
  bool is_live_;  // the kernel can be asked about the numbers in it
  CgroupTree cgroups_;
  std::uint64_t tick_ns_;
  std::unordered_map<std::uint64_t, Holder> holders_;
  std::unordered_map<std::uint32_t, Process> processes_;
  std::unordered_map<std::uint64_t, Holder*> wanted_;
  std::uint32_t poll_ = 0;
  std::uint64_t walks_ = 0;
  std::uint64_t verify_at_ns_ = 0;
  std::uint64_t walk_not_before_ns_ = 0;
  bool was_refused_ = false;
};

}  // namespace sockscope
