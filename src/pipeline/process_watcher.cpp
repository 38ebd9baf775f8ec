// SPDX-License-Identifier: Apache-2.0
#include "pipeline/process_watcher.h"

#include <array>

namespace sockscope {
namespace {

// Enough for 60,000 processes a second while the reader cannot run for half a second.
constexpr std::size_t kReceiveBuffer = std::size_t{32} << 20;

}  // namespace

void ProcessWatcher::open_connector(ProcessEventMask kinds) {
  for (const ProcessObservation& source : kProcessObservations)
    if (wanted_.events) from_connector_ |= kinds & mask_of(source.kind);
  if (from_connector_ == 0) return;
  std::string refused;
  auto connector = ProcConnector::open({.receive_buffer = kReceiveBuffer});
  auto done =
      connector ? connector->subscribe(from_connector_) : tl::make_unexpected(connector.error());
  if (done)
    connector_.emplace(std::move(*connector));
  else
    refused = done.error().detail().empty() ? done.error().code().message() : done.error().detail();
  for (const ProcessObservation& source : kProcessObservations)
    if ((from_connector_ & mask_of(source.kind)) != 0)
      doors_.push_back({source.observation, "netlink/proc_connector", refused, {}});
  if (!connector_) from_connector_ = 0;
}

std::uint64_t ProcessWatcher::lost() const noexcept {
  if (!connector_) return 0;
  const ProcConnectorLoss& loss = connector_->loss();
  // Gaps in the events' numbers say how many are missing; without gaps, only that the buffer was
  // full is known.
  return (loss.missing != 0 ? loss.missing : loss.buffer_full) + loss.overruns + loss.malformed;
}

Result<void> ProcessWatcher::scan(std::uint64_t mono_ns,
                                  const std::function<Result<bool>(const Handle&)>& list) {
  lost_at_scan_ = lost();
  ending_.clear();
  table_.begin_scan(mono_ns);
  const auto listed = list([this](const ProcessInfo& info) { table_.scan(info); });
  if (!listed) return tl::make_unexpected(listed.error());
  if (!*listed)
    reader_.for_each_pid([this](std::uint32_t pid) {
      if (const auto info = reader_.read(pid)) table_.scan(*info);
    });
  table_.end_scan();
  return {};
}

void ProcessWatcher::complete_all() {
  if (!wanted_.describe) return;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> all;
  table_.for_each_running(
      [&](const ProcessInfo& info) { all.emplace_back(info.pid, info.start_ns); });
  for (const auto& [pid, start_ns] : all) complete(pid, start_ns, 0);
}

void ProcessWatcher::begin_drain(std::uint64_t mono_ns) {
  drain_began_ns_ = mono_ns;
  placed_.clear();
  received_ = false;
}

// Called once per drain, after it began: everything from the connector that is older than the
// record being handled has arrived by now.
void ProcessWatcher::receive() {
  received_ = true;
  if (!connector_) return;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(next_));
  next_ = 0;
  std::array<std::byte, ProcConnector::kBufferSize> buffer;
  constexpr std::size_t kMost = 100'000;  // what arrives meanwhile is left for the next call
  static_cast<void>(connector_->drain(
      buffer, [this](const ProcessEvent& event) { waiting_.push_back(event); }, kMost));
}

void ProcessWatcher::advance(std::uint64_t mono_ns, const Handler& handler) {
  if (!received_) receive();
  while (next_ < waiting_.size() && waiting_[next_].mono_ns <= mono_ns)
    apply_from_connector(waiting_[next_++], handler);
}

void ProcessWatcher::end_drain(const Handler& handler) {
  advance(drain_began_ns_, handler);
}

void ProcessWatcher::apply(const ProcessEvent& event, const ProcessInfo* seen,
                           const Handler& handler) {
  table_.apply(event, seen);
  if (wanted_.events && handler) handler(event);
}

void ProcessWatcher::take(const ProcessEvent& event, ProcessInfo& seen, const Handler& handler) {
  advance(event.mono_ns, handler);
  // With version 1 of cgroups all processes have the same number, so the cgroup of the new program
  // is read while it runs.
  constexpr std::uint64_t kRootCgroup = 1;
  if (event.kind == ProcessEventKind::kExec && wanted_.describe && seen.cgroup_id <= kRootCgroup)
    seen.cgroup = reader_.read_cgroup(event.pid, seen.cgroup_id);
  if (seen.program && wanted_.describe)
    seen.program = reader_.read_rest(event.pid, event.start_ns, std::move(seen.program));
  apply(event, &seen, handler);
}

// The connector reports only numbers; the rest is read from /proc while the process exists.
void ProcessWatcher::apply_from_connector(ProcessEvent event, const Handler& handler) {
  ProcessInfo seen;
  const ProcessInfo* told = nullptr;
  if (event.kind == ProcessEventKind::kExec) {
    if (auto info = reader_.read(event.pid)) {
      seen = std::move(*info);
      event.start_ns = seen.start_ns;
      event.comm = seen.comm;
      told = &seen;
    }
  } else if (event.kind == ProcessEventKind::kExit &&
             (!event.is_thread() || ending_.contains(event.pid))) {
    // A leader may end before its threads; the process ends with the last of them.
    const bool goes_on = reader_.read_threads(event.pid) > 1;
    if (!event.is_thread() && goes_on) {
      ending_[event.pid] = event;
      return;
    }
    if (event.is_thread() && !goes_on) {
      ProcessEvent ended = ending_[event.pid];
      ended.mono_ns = event.mono_ns;
      ending_.erase(event.pid);
      event = ended;
    }
  }
  if (event.is_thread()) return;  // threads are not reported
  apply(event, told, handler);
}

std::shared_ptr<const ProcessInfo> ProcessWatcher::complete(std::uint32_t pid,
                                                            std::uint64_t start_ns,
                                                            std::uint64_t cgroup_id) {
  auto info = table_.get(pid, start_ns);
  // Not known from events: found holding a socket by `snapshot`, or its events were lost.
  if (!info) {
    auto found = reader_.read(pid);
    if (!found) return nullptr;
    table_.scan(*found);
    info = table_.get(pid, start_ns);
    if (!info) return nullptr;
  }
  const bool is_placed = info->exited || placed_.contains(pid);
  if (info->program && info->cgroup && is_placed) return info;
  ProcessInfo now;
  if (!info->exited) {
    if (!info->program) now.program = reader_.read_program(pid);
    if (!is_placed) now.cgroup = reader_.read_cgroup(pid, now.cgroup_id);
    // The process may have exited meanwhile, and another one have its pid.
    const std::uint64_t now_ns = reader_.read_start_ns(pid);
    if (now_ns / 10'000'000 != info->start_ns / 10'000'000) now = {};
  }
  if (now.cgroup) {
    placed_.insert(pid);
  } else if (!is_placed && cgroup_id != 0 && cgroup_id != info->cgroup_id) {
    now.cgroup_id = cgroup_id;  // the cgroup of its latest event
    now.cgroup = reader_.find_cgroup(cgroup_id);
  } else {
    now.cgroup_id = info->cgroup_id;
    now.cgroup = info->cgroup ? info->cgroup : reader_.find_cgroup(info->cgroup_id);
  }
  if (now.cgroup_id == 0) now.cgroup_id = info->cgroup_id;
  info = nullptr;  // a second holder would force a copy
  table_.complete(pid, start_ns, now);
  table_.place(pid, start_ns, now.cgroup, now.cgroup_id);
  return table_.get(pid, start_ns);
}

void ProcessWatcher::describe(Owner& owner) {
  if (owner.pid == 0) return;
  if (wanted_.describe) {
    // A cgroup number inherited from the listener does not say where this process is.
    const bool is_own = owner.kind == OwnerKind::kExact;
    owner.process = complete(owner.pid, owner.start_ns, is_own ? owner.cgroup_id : 0);
    if (!owner.process) return;
    if (owner.process->cgroup_id != 0) owner.cgroup_id = owner.process->cgroup_id;
    owner.comm = owner.process->comm;
    if (owner.process->uid) owner.uid = owner.process->uid;
  } else if (const ProcessInfo* info = table_.find(owner.pid, owner.start_ns)) {
    owner.comm = info->comm;
    if (info->uid) owner.uid = info->uid;
  }
}

void ProcessWatcher::describe(Process& process) {
  Owner owner;
  owner.pid = process.pid;
  owner.start_ns = process.start_ns;
  owner.comm = process.comm;
  owner.uid = process.uid;
  describe(owner);
  process.comm = owner.comm;
  process.uid = owner.uid;
  if (owner.cgroup_id != 0) process.cgroup_id = owner.cgroup_id;
  process.info = std::move(owner.process);
}

}  // namespace sockscope
