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

// What is observed to learn of an event.
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

// Who the processes of the host are: from the events that kernel programs tell, where they are let
// in, else from the process events connector and /proc.
class ProcessWatcher {
 public:
  struct Wanted {
    bool events = false;    // follow them, and tell
    bool describe = false;  // programs, cgroups and all else
  };

  explicit ProcessWatcher(const Wanted& wanted, ProcessReader reader = ProcessReader())
      : wanted_(wanted), table_(ProcessTable::Limits{}), reader_(std::move(reader)) {}

  // For events of these kinds, when events are wanted.
  void open_connector(ProcessEventMask kinds);

  // The connector's file, to wait for; -1: not in use.
  int fd() const noexcept { return connector_ ? connector_->fd() : -1; }

  // Ways in that are no kernel programs.
  const std::vector<Door>& doors() const noexcept { return doors_; }
  // Of the connector, as one number.
  std::uint64_t lost() const noexcept;

  // An event that is in the table by now, with the process as it is after it.
  using Handler = std::function<void(const ProcessEvent&)>;

  // A drain: begin, events as they come, end. What the connector has is put between them by its
  // time.
  void begin_drain(std::uint64_t mono_ns);
  // Before any event, of a flow too: what happened before it.
  void advance(std::uint64_t mono_ns, const Handler& handler);
  // seen: what was told of the process beside the event.
  void take(const ProcessEvent& event, ProcessInfo& seen, const Handler& handler);
  void end_drain(const Handler& handler);

  // At the start and after loss: the processes as they are. list: Observer::read_processes().
  using Handle = std::function<void(const ProcessInfo&)>;
  Result<void> scan(std::uint64_t mono_ns, const std::function<Result<bool>(const Handle&)>& list);
  bool needs_scan() const noexcept { return lost() != lost_at_scan_; }
  // Reads all there is to read of those that run, as far as it is wanted: /proc may refuse it
  // later.
  void complete_all();

  void expire(std::uint64_t mono_ns) { table_.expire(mono_ns); }

  // Name and user as they are now, and with `describe` all that is known.
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
  std::vector<ProcessEvent> waiting_;  // from the connector, from next_ on not yet handed over
  std::size_t next_ = 0;
  bool received_ = false;  // in this drain
  std::uint64_t drain_began_ns_ = 0;
  std::uint64_t lost_at_scan_ = 0;
  // Whose cgroup was read in this drain: it may be moved at any time, and nothing tells.
  std::unordered_set<std::uint32_t> placed_;
  // Leaders that ended before their threads, with the connector as the source.
  std::unordered_map<std::uint32_t, ProcessEvent> ending_;
};

}  // namespace sockscope
