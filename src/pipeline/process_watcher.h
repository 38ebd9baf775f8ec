// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/proc_connector.h>
#include <sockscope/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "source/processes/process_reader.h"
#include "track/process_table.h"

namespace sockscope {

// An event of processes, and what is observed to learn of it.
struct ProcessObservation {
  ProcessEventKind kind;
  Observation observation;
};
inline constexpr ProcessObservation kProcessObservations[] = {
    {ProcessEventKind::kFork, Observation::kProcessFork},
    {ProcessEventKind::kExec, Observation::kProcessExec},
    {ProcessEventKind::kExit, Observation::kProcessExit},
    {ProcessEventKind::kComm, Observation::kProcessName},
    {ProcessEventKind::kCoredump, Observation::kCoreDump},
    {ProcessEventKind::kUid, Observation::kProcessUser},
    {ProcessEventKind::kGid, Observation::kProcessGroup},
    {ProcessEventKind::kSid, Observation::kProcessSession},
    {ProcessEventKind::kPtrace, Observation::kProcessTracer},
};

// Keeps what is known of the host's processes: from the events of kernel programs where those are
// available, otherwise from the process events connector and /proc.
class ProcessWatcher {
 public:
  struct Wanted {
    bool events = false;    // follow and report events
    bool describe = false;  // programs, cgroups and everything else
  };

  explicit ProcessWatcher(const Wanted& wanted, ProcessReader reader = ProcessReader())
      : wanted_(wanted), table_(ProcessTable::Limits{}), reader_(std::move(reader)) {}

  // For these kinds, if events are wanted.
  void open_connector(ProcessEventMask kinds);

  // The connector's file, to wait for; -1: not in use.
  int fd() const noexcept { return connector_ ? connector_->fd() : -1; }

  // Doors that are not kernel programs.
  const std::vector<Door>& doors() const noexcept { return doors_; }
  // The connector's losses, as one number.
  std::uint64_t lost() const noexcept;

  // Gets an event that is already in the table, with the process as it is after the event.
  using Handler = std::function<void(const ProcessEvent&)>;

  // A drain: begin, events as they come, end. Events of the connector are inserted between them by
  // their time.
  void begin_drain(std::uint64_t mono_ns);
  // To be called before any event, including those of flows: handles what happened before that
  // time.
  void advance(std::uint64_t mono_ns, const Handler& handler);
  // seen: what the source says of the process besides the event.
  void take(const ProcessEvent& event, ProcessInfo& seen, const Handler& handler);
  void end_drain(const Handler& handler);

  // To be called at the start and after loss: reads all processes as they are. list:
  // Observer::read_processes().
  using Handle = std::function<void(const ProcessInfo&)>;
  Result<void> scan(std::uint64_t mono_ns, const std::function<Result<bool>(const Handle&)>& list);
  bool needs_scan() const noexcept { return lost() != lost_at_scan_; }
  // Reads everything that is wanted of running processes, because /proc may refuse it later.
  void complete_all();

  void expire(std::uint64_t mono_ns) { table_.expire(mono_ns); }

  // Fills in name and user as they are now; with `describe`, everything that is known.
  void describe(Owner& owner);
  void describe(Process& process);

  const ProcessTable& table() const noexcept { return table_; }

 private:
  void receive();
  void apply(const ProcessEvent& event, const ProcessInfo* seen, const Handler& handler);
  void apply_from_connector(ProcessEvent event, const Handler& handler);
  std::shared_ptr<const ProcessInfo> complete(std::uint32_t pid, std::uint64_t start_ns,
                                              std::uint64_t cgroup_id);

  Wanted wanted_;
  ProcessTable table_;
  ProcessReader reader_;
  std::optional<ProcConnector> connector_;
  ProcessEventMask from_connector_ = 0;
  std::vector<Door> doors_;
  std::vector<ProcessEvent> waiting_;  // from the connector; not yet handed over from next_ on
  std::size_t next_ = 0;
  bool received_ = false;  // in this drain
  std::uint64_t drain_began_ns_ = 0;
  std::uint64_t lost_at_scan_ = 0;
  // Processes whose cgroup was read in this drain. It is read anew in each, because nothing reports
  // when a process is moved.
  std::unordered_set<std::uint32_t> placed_;
  // With the connector as the source: leaders that ended before their threads.
  std::unordered_map<std::uint32_t, ProcessEvent> ending_;
};

}  // namespace sockscope
