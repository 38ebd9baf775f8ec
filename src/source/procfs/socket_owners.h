// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "source/processes/cgroup_tree.h"

namespace sockscope {

// Which process holds a socket, found by the links in /proc/PID/fd and in those of threads with
// open files of their own. What was found is kept from poll to poll, so that a poll without new
// sockets needs no search. Of several holders the one with the lowest pid is taken; but processes
// that are known to hold sockets are searched first.
class SocketOwners {
 public:
  explicit SocketOwners(std::string proc = "/proc");

  // Begins a poll. Forgets processes that are gone, with their sockets, and sockets that a process
  // has handed on.
  void begin(std::uint64_t now_ns);
  // nullptr: not known; the next find_unknown() then searches for it.
  const Owner* find(std::uint64_t inode);
  // Searches for the holders that find() did not know. True: found some. Unless `at_once`, it does
  // nothing while searches would take more than a tenth of a CPU.
  bool find_unknown(std::uint64_t now_ns, bool at_once = false);
  // Ends the poll: forgets the sockets that find() was not asked for.
  void end();

  std::size_t known_inodes() const noexcept { return holders_.size(); }
  std::size_t known_processes() const noexcept { return processes_.size(); }
  std::uint64_t walks() const noexcept { return walks_; }
  // True when the open files of some process could not be read.
  bool was_refused() const noexcept { return was_refused_; }
  // That, with the reason: missing privileges, or hidden from everybody.
  Door refused_door() const;

 private:
  struct Holder {
    std::uint32_t pid = 0;  // 0: not found
    std::uint32_t poll = 0;
    std::uint32_t tid = 0;  // the thread whose open files contain it
    std::uint32_t fd = 0;
    std::uint8_t searches = 0;
    std::uint8_t checks = 0;
  };
  struct Process {
    Owner owner;
    std::uint64_t start_ticks = 0;
    std::uint32_t poll = 0;  // the last one in which a socket of this process was asked for
  };

  bool look_into(std::uint32_t pid, std::uint32_t tid);
  bool look_into_threads(std::uint32_t pid);
  Process* learn(std::uint32_t pid);
  std::uint64_t cgroup_of(std::uint32_t pid) const;
  void verify();
  bool still_holds(std::uint64_t inode, const Holder& holder) const;
  bool exhausted(const Holder& holder) const noexcept;

  std::string proc_;
  bool is_live_;  // the pids in it are this kernel's own, so kcmp(2) works
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
