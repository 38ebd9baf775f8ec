// SPDX-License-Identifier: Apache-2.0
#include "track/process_table.h"

#include <algorithm>

namespace sockscope {
namespace {

// /proc has start times only in clock ticks, so two sources may differ by up to one tick.
constexpr std::uint64_t kTickNs = 10'000'000;

bool is_same_start(std::uint64_t a, std::uint64_t b) noexcept {
  if (a == 0 || b == 0 || a == b) return true;
  // One of them is in whole ticks: the other one, rounded down, must be equal.
  return (a % kTickNs == 0 || b % kTickNs == 0) && a / kTickNs == b / kTickNs;
}

void fill_unknown(ProcessInfo& info, const ProcessInfo& more) {
  const auto take = [](auto& to, const auto& from) {
    if (to == std::decay_t<decltype(to)>{}) to = from;
  };
  // Takes the more precise start time.
  if (info.start_ns == 0 || (info.start_ns % kTickNs == 0 && more.start_ns != 0))
    info.start_ns = more.start_ns;
  take(info.parent_pid, more.parent_pid);
  take(info.session, more.session);
  take(info.netns, more.netns);
  take(info.inner_pid, more.inner_pid);
  take(info.uid, more.uid);
  take(info.gid, more.gid);
  take(info.comm, more.comm);
  take(info.program, more.program);
  take(info.cgroup, more.cgroup);
  take(info.cgroup_id, more.cgroup_id);
}

// What a source reports now replaces what was known before.
void refresh(ProcessInfo& info, const ProcessInfo& now) {
  const auto take = [](auto& to, const auto& from) {
    if (from != std::decay_t<decltype(to)>{}) to = from;
  };
  if (now.start_ns % kTickNs != 0 || info.start_ns == 0) take(info.start_ns, now.start_ns);
  take(info.session, now.session);
  take(info.netns, now.netns);
  take(info.inner_pid, now.inner_pid);
  take(info.uid, now.uid);
  take(info.gid, now.gid);
  take(info.comm, now.comm);
  take(info.program, now.program);
  if (now.cgroup_id != 0 && now.cgroup_id != info.cgroup_id)
    info.cgroup = nullptr;  // moved to
                            // another
                            // cgroup
  take(info.cgroup_id, now.cgroup_id);
  take(info.cgroup, now.cgroup);
}

}  // namespace

std::uint32_t ProcessTable::find_slot(std::uint32_t pid, std::uint64_t start_ns) const noexcept {
  const auto found = newest_.find(pid);
  if (found == newest_.end()) return kNone;
  std::uint32_t slot = found->second;
  while (slot != kNone && !is_same_start(at(slot).info->start_ns, start_ns)) slot = at(slot).older;
  return slot;
}

std::uint32_t ProcessTable::find_running(std::uint32_t pid) const noexcept {
  const auto found = newest_.find(pid);
  return found == newest_.end() || at(found->second).info->exited ? kNone : found->second;
}

const ProcessInfo* ProcessTable::find(std::uint32_t pid, std::uint64_t start_ns) const {
  const std::uint32_t slot = find_slot(pid, start_ns);
  return slot == kNone ? nullptr : at(slot).info.get();
}

std::shared_ptr<const ProcessInfo> ProcessTable::get(std::uint32_t pid,
                                                     std::uint64_t start_ns) const {
  const std::uint32_t slot = find_slot(pid, start_ns);
  return slot == kNone ? nullptr : at(slot).info;
}

// Copies the entry first if somebody still holds it: what was handed out must not change.
ProcessInfo& ProcessTable::change(std::uint32_t slot) {
  std::shared_ptr<ProcessInfo>& info = at(slot).info;
  if (info.use_count() > 1) info = std::make_shared<ProcessInfo>(*info);
  return *info;
}

std::uint32_t ProcessTable::add(std::uint32_t pid) {
  if (size_ >= limits_.max_processes) {
    if (oldest_exit_ == kNone) {
      ++refused_;
      return kNone;
    }
    remove(oldest_exit_);
  }
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Entry& entry = at(slot);
  entry = {};
  entry.in_use = true;
  entry.info = std::make_shared<ProcessInfo>();
  entry.info->pid = pid;
  entry.scan = scan_;
  const auto [place, is_new] = newest_.try_emplace(pid, slot);
  if (!is_new) {
    entry.older = place->second;
    place->second = slot;
  }
  ++size_;
  return slot;
}

void ProcessTable::remove(std::uint32_t slot) {
  Entry& entry = at(slot);
  if (entry.info->exited) {
    (entry.older_exit == kNone ? oldest_exit_ : at(entry.older_exit).newer_exit) = entry.newer_exit;
    (entry.newer_exit == kNone ? newest_exit_ : at(entry.newer_exit).older_exit) = entry.older_exit;
    --exited_;
  }
  const auto newest = newest_.find(entry.info->pid);
  if (newest->second == slot) {
    if (entry.older == kNone)
      newest_.erase(newest);
    else
      newest->second = entry.older;
  } else {
    std::uint32_t newer = newest->second;
    while (at(newer).older != slot) newer = at(newer).older;
    at(newer).older = entry.older;
  }
  entry = {};
  free_.push_back(slot);
  --size_;
}

void ProcessTable::exit(std::uint32_t slot, std::uint32_t status, std::uint64_t mono_ns) {
  ProcessInfo& info = change(slot);
  info.exited = true;
  info.exit_status = status;
  info.exited_ns = mono_ns;
  Entry& entry = at(slot);
  entry.older_exit = newest_exit_;
  entry.newer_exit = kNone;
  (newest_exit_ == kNone ? oldest_exit_ : at(newest_exit_).newer_exit) = slot;
  newest_exit_ = slot;
  ++exited_;
  if (exited_ > limits_.max_exited) remove(oldest_exit_);
}

// "bash < sshd < sshd": as many as are known, at most kMost, and without pid 1.
void ProcessTable::name_parents(ProcessInfo& info) const {
  constexpr int kMost = 4;
  info.parents.clear();
  std::uint32_t pid = info.parent_pid;
  for (int i = 0; i < kMost && pid > 1; ++i) {
    const auto found = newest_.find(pid);
    if (found == newest_.end()) return;
    const ProcessInfo& parent = *at(found->second).info;
    if (!info.parents.empty()) info.parents += " < ";
    info.parents += parent.name();
    pid = parent.parent_pid;
  }
}

// A child is a copy of its parent until something about it changes.
void ProcessTable::fork(const ProcessEvent& event, const ProcessInfo* seen) {
  if (const std::uint32_t before = find_running(event.pid); before != kNone) {
    // Either a scan saw the child before this event came, or the exit of an earlier process was
    // lost.
    if (is_same_start(at(before).info->start_ns, event.start_ns) && at(before).seen_ns == 0 &&
        event.start_ns != 0) {
      if (seen) refresh(change(before), *seen);
      return;
    }
    exit(before, 0, event.mono_ns);
  }
  const std::uint32_t slot = add(event.pid);
  if (slot == kNone) return;
  at(slot).seen_ns = event.mono_ns;
  const std::uint32_t parent = find_running(event.parent_pid);
  ProcessInfo& info = *at(slot).info;
  info.start_ns = event.start_ns;
  info.parent_pid = event.parent_pid;
  if (parent != kNone) {
    const ProcessInfo& from = *at(parent).info;
    info.session = from.session;
    info.netns = from.netns;
    info.uid = from.uid;
    info.gid = from.gid;
    info.comm = from.comm;
    info.program = from.program;
    info.cgroup = from.cgroup;
    info.cgroup_id = from.cgroup_id;
  }
  if (seen) refresh(info, *seen);
  name_parents(info);
}

void ProcessTable::apply(const ProcessEvent& event, const ProcessInfo* seen) {
  if (event.is_thread() || event.pid == 0) return;
  if (event.kind == ProcessEventKind::kFork) {
    fork(event, seen);
    return;
  }
  std::uint32_t slot = find_running(event.pid);
  if (slot != kNone && !is_same_start(at(slot).info->start_ns, event.start_ns)) {
    exit(slot, 0, event.mono_ns);  // lost: its exit, and the fork of the next process with this pid
    slot = kNone;
  }
  if (slot == kNone) {
    if (event.kind == ProcessEventKind::kUnknown) return;
    // A late event of a process that is already known to have exited.
    if (find_slot(event.pid, event.start_ns) != kNone && event.start_ns != 0) return;
    slot = add(event.pid);
    if (slot == kNone) return;
    at(slot).seen_ns = event.mono_ns;
    ProcessInfo& info = *at(slot).info;
    info.start_ns = event.start_ns;
    info.parent_pid = event.parent_pid;
  }
  ProcessInfo& info = change(slot);
  if (seen) refresh(info, *seen);
  if (info.parent_pid == 0 && seen) info.parent_pid = seen->parent_pid;
  if (info.parents.empty()) name_parents(info);
  switch (event.kind) {
    case ProcessEventKind::kExec:
      if (!seen || !seen->program) info.program = nullptr;
      if (event.comm[0] != '\0') info.comm = event.comm;
      break;
    case ProcessEventKind::kComm: info.comm = event.comm; break;
    case ProcessEventKind::kUid: info.uid = event.effective_id; break;
    case ProcessEventKind::kGid: info.gid = event.effective_id; break;
    case ProcessEventKind::kSid: info.session = event.pid; break;
    case ProcessEventKind::kExit: exit(slot, event.exit_status, event.mono_ns); break;
    case ProcessEventKind::kPtrace:
    case ProcessEventKind::kCoredump:
    case ProcessEventKind::kFork:
    case ProcessEventKind::kUnknown: break;
  }
}

void ProcessTable::begin_scan(std::uint64_t mono_ns) {
  ++scan_;
  scan_began_ns_ = mono_ns;
}

void ProcessTable::scan(const ProcessInfo& process) {
  std::uint32_t slot = find_running(process.pid);
  if (slot != kNone && !is_same_start(at(slot).info->start_ns, process.start_ns)) {
    exit(slot, 0, scan_began_ns_);
    slot = kNone;
  }
  if (slot == kNone) {
    // It exited during the scan.
    const std::uint32_t gone = find_slot(process.pid, process.start_ns);
    if (gone != kNone && at(gone).info->exited_ns >= scan_began_ns_) return;
    slot = add(process.pid);
    if (slot == kNone) return;
    *at(slot).info = process;
    name_parents(*at(slot).info);
  } else {
    refresh(change(slot), process);
  }
  at(slot).scan = scan_;
}

void ProcessTable::end_scan() {
  for (std::uint32_t slot = 0; slot < entries_.size(); ++slot) {
    const Entry& entry = at(slot);
    if (!entry.in_use || entry.info->exited || entry.scan == scan_) continue;
    if (entry.seen_ns < scan_began_ns_) exit(slot, 0, scan_began_ns_);
  }
  // A scan may show a parent after its children.
  for (std::uint32_t slot = 0; slot < entries_.size(); ++slot)
    if (at(slot).in_use && !at(slot).info->exited && at(slot).info->parents.empty())
      name_parents(change(slot));
}

void ProcessTable::complete(std::uint32_t pid, std::uint64_t start_ns, const ProcessInfo& more) {
  const std::uint32_t slot = find_slot(pid, start_ns);
  if (slot != kNone) fill_unknown(change(slot), more);
}

void ProcessTable::place(std::uint32_t pid, std::uint64_t start_ns,
                         std::shared_ptr<const ControlGroup> cgroup, std::uint64_t cgroup_id) {
  const std::uint32_t slot = find_slot(pid, start_ns);
  if (slot == kNone) return;
  const ProcessInfo& before = *at(slot).info;
  const bool is_there =
      before.cgroup_id == cgroup_id && before.cgroup && cgroup && *before.cgroup == *cgroup;
  if (is_there) return;
  ProcessInfo& info = change(slot);
  info.cgroup = std::move(cgroup);
  info.cgroup_id = cgroup_id;
}

void ProcessTable::expire(std::uint64_t mono_ns) {
  const std::uint64_t before =
      mono_ns > limits_.keep_exited_ns ? mono_ns - limits_.keep_exited_ns : 0;
  while (oldest_exit_ != kNone && at(oldest_exit_).info->exited_ns < before) remove(oldest_exit_);
}

}  // namespace sockscope
