// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/process.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace sockscope {

// All processes of the host: running ones, and those that exited a while ago. Pid and start time
// identify a process, so a reused pid is another entry. A scan fills the table, events keep it up
// to date, and another scan repairs it after events were lost. Pure: time comes in as an argument.
//
//            fork, exec, seen in a scan             exit, gone in a scan
//   (none) ─────────────────────────────▶ running ─────────────────────▶ exited ──▶ (none)
//                                                                        keep_exited, max_exited
class ProcessTable {
 public:
  struct Limits {
    std::uint64_t keep_exited_ns = 60'000'000'000;
    std::size_t max_exited = 10'000;  // beyond it, those that exited first are dropped
    // Beyond it, exited processes are dropped early; when that is not enough, new ones are not
    // added.
    std::size_t max_processes = 200'000;
  };

  explicit ProcessTable(Limits limits) : limits_(limits) {}

  // `seen`: what is known besides the event: after an exec the program; from kernel programs also
  // what they read of the process. Events of threads change nothing.
  void apply(const ProcessEvent& event, const ProcessInfo* seen = nullptr);

  // A scan: begin, one scan() for each existing process, end. A process that ran before the scan
  // and is not in it has exited; when and how is not known.
  void begin_scan(std::uint64_t mono_ns);
  void scan(const ProcessInfo& process);
  void end_scan();

  // null: not known. start_ns 0: the latest with that pid.
  const ProcessInfo* find(std::uint32_t pid, std::uint64_t start_ns = 0) const;
  // The same as a pointer that may be kept; what it points to never changes.
  std::shared_ptr<const ProcessInfo> get(std::uint32_t pid, std::uint64_t start_ns = 0) const;

  // Adds what is not yet known of a process in the table.
  void complete(std::uint32_t pid, std::uint64_t start_ns, const ProcessInfo& more);

  // The process is now in that cgroup. null: nothing is known of the cgroup with that number.
  void place(std::uint32_t pid, std::uint64_t start_ns, std::shared_ptr<const ControlGroup> cgroup,
             std::uint64_t cgroup_id);

  // Drops exited processes that are too old or too many.
  void expire(std::uint64_t mono_ns);

  std::size_t running() const noexcept { return size_ - exited_; }
  std::size_t exited() const noexcept { return exited_; }
  std::uint64_t refused() const noexcept { return refused_; }

  template <class Handle>
  void for_each_running(Handle&& handle) const {
    for (const auto& [pid, slot] : newest_)
      if (!at(slot).info->exited) handle(*at(slot).info);
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  struct Entry {
    std::shared_ptr<ProcessInfo> info;  // changed in place only while nobody else holds it
    std::uint32_t older = kNone;        // with the same pid
    std::uint32_t newer_exit = kNone;   // list of exited ones, oldest first
    std::uint32_t older_exit = kNone;
    std::uint32_t scan = 0;     // the last scan that showed it
    std::uint64_t seen_ns = 0;  // CLOCK_MONOTONIC of its first event; 0: from a scan
    bool in_use = false;
  };

  Entry& at(std::uint32_t slot) noexcept { return entries_[slot]; }
  const Entry& at(std::uint32_t slot) const noexcept { return entries_[slot]; }
  std::uint32_t find_slot(std::uint32_t pid, std::uint64_t start_ns) const noexcept;
  std::uint32_t find_running(std::uint32_t pid) const noexcept;
  std::uint32_t add(std::uint32_t pid);
  void remove(std::uint32_t slot);
  void exit(std::uint32_t slot, std::uint32_t status, std::uint64_t mono_ns);
  ProcessInfo& change(std::uint32_t slot);
  void fork(const ProcessEvent& event, const ProcessInfo* seen);
  void name_parents(ProcessInfo& info) const;

  Limits limits_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<std::uint32_t, std::uint32_t> newest_;  // pid → slot
  std::uint32_t oldest_exit_ = kNone;
  std::uint32_t newest_exit_ = kNone;
  std::size_t size_ = 0;
  std::size_t exited_ = 0;
  std::uint64_t refused_ = 0;
  std::uint32_t scan_ = 0;
  std::uint64_t scan_began_ns_ = 0;
};

}  // namespace sockscope
