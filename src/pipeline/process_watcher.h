// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <sockscope/proc_connector.h>
#include <sockscope/types.h>

#include "source/ebpf/programs.h"
#include "source/processes/process_reader.h"
#include "track/process_table.h"

namespace sockscope {

// Who the processes of the host are: from the kernel programs where they are let in, else from the
// process events connector and /proc. What the programs of this kernel cannot see comes from the
// connector.
class ProcessWatcher {
 public:
  struct Wanted {
    bool events = false;    // follow them, and tell
    bool describe = false;  // programs, cgroups and all else
  };

  // Reads what is there. Call it after the programs are attached and while privileges are held: what
  // /proc will refuse later is read now. programs: null where there are none.
  static Result<ProcessWatcher> open(const Wanted& wanted, const Programs* programs);

  // The connector's file, to wait for; -1: not in use.
  int fd() const noexcept { return connector_ ? connector_->fd() : -1; }

  // Ways in that are no kernel programs.
  const std::vector<Door>& doors() const noexcept { return doors_; }
  // Of the connector, as one number.
  std::uint64_t lost() const noexcept;
  std::uint64_t malformed() const noexcept { return malformed_; }

  // An event that is in the table by now, with the process as it is after it.
  using Handler = std::function<void(const ProcessEvent&)>;

  // A drain of the ring buffer: begin, records as they come, end. What the connector has is put
  // between them by its time.
  void begin_drain(std::uint64_t mono_ns);
  // Before any record, of a flow too: what happened before it.
  void advance(std::uint64_t mono_ns, const Handler& handler);
  // False: the record cannot be read.
  bool take(std::span<const std::byte> record, const Handler& handler);
  void end_drain(const Handler& handler);

  // After loss: the processes as they are.
  Result<void> scan(const Programs* programs);
  bool needs_scan() const noexcept { return lost() != lost_at_scan_; }

  void expire(std::uint64_t mono_ns) { table_.expire(mono_ns); }

  // Name and user as they are now, and with `describe` all that is known.
  void describe(Owner& owner);
  void describe(Process& process);

  const ProcessTable& table() const noexcept { return table_; }

 private:
  explicit ProcessWatcher(const Wanted& wanted) : wanted_(wanted), table_(ProcessTable::Limits{}) {}

  void open_connector(const Programs* programs);
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
  std::uint64_t malformed_ = 0;
  std::uint64_t lost_at_scan_ = 0;
  // Whose cgroup was read in this drain: it may be moved at any time, and nothing tells.
  std::unordered_set<std::uint32_t> placed_;
  // Leaders that ended before their threads, with the connector as the source.
  std::unordered_map<std::uint32_t, ProcessEvent> ending_;
};

}  // namespace sockscope
