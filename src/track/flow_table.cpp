// SPDX-License-Identifier: Apache-2.0
#include "track/flow_table.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace sockscope {
namespace {

// How much a counter grew; all of it when the counter has started again from 0.
template <class T>
T grown(T now, T before) noexcept {
  return now >= before ? now - before : now;
}

// The same for both ends of a connection within a network namespace.
std::uint64_t hash_of_ends(std::uint32_t netns, Protocol protocol, const Endpoint& local,
                           const Endpoint& remote) {
  const auto mixed = [](std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ull;
    return hash ^ hash >> 32;
  };
  const auto of = [&](const Endpoint& end) {
    std::uint64_t halves[2];
    static_assert(sizeof halves == sizeof end.addr.bytes);
    std::memcpy(halves, end.addr.bytes.data(), sizeof halves);
    return mixed(mixed(mixed(end.port, end.addr.family), halves[0]), halves[1]);
  };
  const std::uint64_t ends = of(local) + of(remote);
  return std::max<std::uint64_t>(mixed(mixed(ends, netns), static_cast<std::uint64_t>(protocol)),
                                 1);
}

}  // namespace

std::uint32_t FlowTable::add(const Flow& flow, std::uint64_t now_ns) {
  if (free_.empty()) {
    const auto first = static_cast<std::uint32_t>(chunks_.size()) * kChunk;
    chunks_.push_back(std::make_unique<Entry[]>(kChunk));
    for (std::uint32_t i = kChunk; i-- > 0;) free_.push_back(first + i);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  index_.insert(flow.cookie, slot);
  Entry& entry = at(slot);
  entry = {};
  entry.in_use = true;
  entry.cookie = flow.cookie;
  entry.netns = flow.netns;
  entry.protocol = flow.protocol;
  entry.direction = flow.direction;
  entry.state = flow.state;
  set_ends(slot, flow);
  entry.opened_ns = flow.opened_ns;
  if (in_pass_) entry.pass = pass_;  // added while a pass is in progress
  ++processes_[0].references;
  set_owner(entry, flow, now_ns);
  return slot;
}

void FlowTable::set_ends(std::uint32_t slot, const Flow& flow) {
  Entry& entry = at(slot);
  entry.interface = flow.interface;
  entry.ipv6_only = flow.ipv6_only;
  const bool is_named = flow.conn_id != ConnectionId::kUnknown && flow.conn_id != entry.conn_id;
  const bool is_moved = entry.local != flow.local || entry.remote != flow.remote;
  entry.local = flow.local;
  entry.remote = flow.remote;
  // A UDP socket may be connected to another remote end, or to none.
  if (is_named || (is_moved && entry.protocol == Protocol::kUdp)) entry.conn_id = flow.conn_id;
  if ((!is_named && !is_moved) || !std::exchange(entry.is_paired, false)) return;
  if (const std::uint32_t other = other_of(slot); other != kNone) at(other).other_end.reset();
  unpair(slot);
}

void FlowTable::unpair(std::uint32_t slot) {
  named_.remove(slot);
  unnamed_.remove(slot);
  at(slot).other_end.reset();
}

// Done for snapshots only, because most connections end before anybody looks. Those that are over
// come first, so that what is open takes their place.
void FlowTable::pair_new() {
  for (const bool closed : {true, false})
    for (std::uint32_t slot = 0; slot < chunks_.size() * kChunk; ++slot)
      if (at(slot).in_use && at(slot).closed == closed && !at(slot).is_paired) pair(slot);
}

void FlowTable::pair(std::uint32_t slot) {
  Entry& entry = at(slot);
  entry.is_paired = true;
  const std::uint64_t ends =
      entry.remote.port == 0 ? 0
                             : hash_of_ends(entry.netns, entry.protocol, entry.local, entry.remote);
  // The same ends may be used again.
  const auto by_ends = [&](std::uint32_t first) {
    const Entry& other = at(first);
    if (other.closed && !entry.closed) return EndPairs::Relation::kOver;
    const bool fits = other.local == entry.remote && other.remote == entry.local;
    return fits ? EndPairs::Relation::kOther : EndPairs::Relation::kStranger;
  };
  const auto by_name = [&](std::uint32_t first) {
    return entry.protocol == Protocol::kTcp ? EndPairs::Relation::kOther : by_ends(first);
  };
  named_.put(slot, static_cast<std::uint64_t>(entry.conn_id), by_name);
  unnamed_.put(slot, ends, by_ends);
}

// Where one end's name is not known, the addresses tell which other one belongs to it.
std::uint32_t FlowTable::other_of(std::uint32_t slot) const noexcept {
  if (const std::uint32_t other = named_.other(slot); other != kNone) return other;
  const std::uint32_t other = unnamed_.other(slot);
  const bool are_named = other != kNone && at(slot).conn_id != ConnectionId::kUnknown &&
                         at(other).conn_id != ConnectionId::kUnknown;
  return are_named ? kNone : other;
}

// Made once and kept as long as it is true, because it is asked for at every snapshot.
std::shared_ptr<const OtherEnd> FlowTable::other_end_of(std::uint32_t slot) const {
  const Entry& entry = at(slot);
  const std::uint32_t other = other_of(slot);
  if (other == kNone) return entry.other_end;
  const Entry& its = at(other);
  const Process& process = processes_[its.process].sums;
  const OtherEnd* const known = entry.other_end.get();
  if (known != nullptr && known->cookie == its.cookie && known->owner.pid == process.pid &&
      known->owner.start_ns == process.start_ns && known->owner.kind == its.owner &&
      known->owner.comm == process.comm)
    return entry.other_end;
  auto made = std::make_shared<OtherEnd>();
  *made = {.cookie = its.cookie,
           .netns = its.netns,
           .local = its.local,
           .remote = its.remote,
           .owner = {}};
  fill_owner(its, made->owner);
  entry.other_end = std::move(made);
  return entry.other_end;
}

ConnectionId FlowTable::conn_id(std::uint64_t cookie) const noexcept {
  const std::uint32_t slot = find(cookie);
  return slot == kNone ? ConnectionId::kUnknown : at(slot).conn_id;
}

void FlowTable::remove(std::uint32_t slot) {
  Entry& entry = at(slot);
  count_untold(entry);
  if (entry.remnant)
    --remnants_;
  else if (entry.closed)
    unlink_closed(slot);
  --processes_[entry.process].references;
  if (entry.former != 0) --processes_[entry.former].references;
  index_.erase(entry.cookie);
  if (entry.is_paired) unpair(slot);
  entry.in_use = false;
  free_.push_back(slot);
}

// Where the previous owner was only a guess (inherited, or none), everything the flow has moved is
// credited to the new owner.
void FlowTable::set_owner(Entry& entry, const Flow& flow, std::uint64_t now_ns) {
  const Owner& owner = flow.owner;
  if (owner.kind == OwnerKind::kUnknown && entry.owner != OwnerKind::kUnknown) return;
  const OwnerKind before = std::exchange(entry.owner, owner.kind);
  entry.opener_pid = owner.opener_pid;
  if (owner.uid) {
    entry.uid = *owner.uid;
    entry.has_uid = true;
  }
  {
    ProcessTotals::Entry& current = processes_[entry.process];
    if (current.sums.pid == owner.pid && current.sums.start_ns == owner.start_ns) {
      current.sums.comm = owner.comm;
      return;
    }
  }
  const bool has_moved = entry.counters.tx_bytes != 0 || entry.counters.rx_bytes != 0;
  const bool was_guessed = before == OwnerKind::kUnknown || before == OwnerKind::kInherited;
  hand_over(entry, processes_.slot_of(owner, now_ns),
            entry.process == 0 || was_guessed || !has_moved);
}

// The previous process keeps what the flow has moved so far, as long as the flow is known; from now
// on the next process is credited.
void FlowTable::hand_over(Entry& entry, std::uint32_t slot, bool is_correction) {
  ProcessTotals::Entry& from = processes_[entry.process];
  ProcessTotals::Entry& to = processes_[slot];
  ++to.references;
  if (entry.closed) {
    --from.sums.closed_flows;
    ++to.sums.closed_flows;
  }
  if (is_correction) {
    credit_held(entry);
    const Held all{entry.counters.tx_bytes, entry.counters.rx_bytes, entry.counters.retransmits};
    from.sums.tx_bytes -= all.tx_bytes;
    from.sums.rx_bytes -= all.rx_bytes;
    from.sums.retransmits -= all.retransmits;
    add(all, to.sums);
    --from.references;
    entry.process = slot;
    return;
  }
  if (entry.former != 0) --processes_[entry.former].references;
  entry.former = std::exchange(entry.process, slot);  // takes over the reference
  credit_held(entry);
}

void FlowTable::add(const Held& moved, Process& to) noexcept {
  to.tx_bytes += moved.tx_bytes;
  to.rx_bytes += moved.rx_bytes;
  to.retransmits += moved.retransmits;
}

void FlowTable::credit_held(const Entry& entry) {
  if (held_.empty()) return;
  const auto held = held_.find(entry.cookie);
  if (held == held_.end()) return;
  add(held->second, processes_[entry.process].sums);
  held_.erase(held);
}

// Asks once per pass for all flows of a process.
bool FlowTable::is_owner_gone(const Entry& entry) {
  if (!is_running_ || entry.process == 0 || entry.closed) return false;
  ProcessTotals::Entry& process = processes_[entry.process];
  if (std::exchange(process.asked_pass, pass_) != pass_)
    process.runs = is_running_(process.sums.pid);
  return !process.runs;
}

void FlowTable::count(Entry& entry, const Counters& counters) {
  processes_[entry.process].had_counted = true;
  const Held moved{counters.tx_bytes - entry.counters.tx_bytes,
                   counters.rx_bytes - entry.counters.rx_bytes,
                   std::uint64_t{counters.retransmits} - entry.counters.retransmits};
  entry.counters = counters;
  entry.has_counters = true;
  if (in_pass_ && (moved.tx_bytes != 0 || moved.rx_bytes != 0) && is_owner_gone(entry)) {
    Held& held = held_.try_emplace(entry.cookie, Held{.since = pass_}).first->second;
    held.tx_bytes += moved.tx_bytes;
    held.rx_bytes += moved.rx_bytes;
    held.retransmits += moved.retransmits;
  } else {
    add(moved, processes_[entry.process].sums);
  }
}

// The same socket connected again: this is a new flow; sums keep the old one.
std::uint32_t FlowTable::reopen(std::uint32_t slot, const Flow& flow, std::uint64_t now_ns) {
  remove(slot);
  return add(flow, now_ns);
}

void FlowTable::close(std::uint32_t slot, std::uint64_t now_ns) {
  Entry& entry = at(slot);
  credit_held(entry);
  ProcessTotals::Entry& process = processes_[entry.process];
  process.closed_tx += grown(entry.counters.tx_bytes, entry.interval_tx);
  process.closed_rx += grown(entry.counters.rx_bytes, entry.interval_rx);
  process.closed_retransmits += grown(entry.counters.retransmits, entry.interval_retransmits);
  if (entry.protocol == Protocol::kTcp)
    process.closed_segments += grown(entry.counters.tx_segments, entry.interval_segments);
  ++process.sums.closed_flows;
  process.last_used_ns = now_ns;
  entry.closed = true;
  entry.closed_ns = now_ns;
  entry.older = newest_closed_;
  entry.newer = kNone;
  (newest_closed_ == kNone ? oldest_closed_ : at(newest_closed_).newer) = slot;
  newest_closed_ = slot;
  ++closed_;
  if (closed_ > limits_.max_closed && !still_shown(at(oldest_closed_))) remove(oldest_closed_);
}

// A pass found that the connection has ended. If that was only a moment ago, its kClose may still
// come, so it has time until the next pass. Listeners and half-open connections end without a
// kClose.
void FlowTable::expect_end(std::uint32_t slot) {
  Entry& entry = at(slot);
  if (!counts_untold_ || entry.protocol != Protocol::kTcp ||
      entry.direction == Direction::kListen || entry.state == TcpState::kNone ||
      entry.state == TcpState::kClose || entry.state == TcpState::kSynRecv)
    return;
  entry.untold = true;
  untold_.push_back(slot);
}

void FlowTable::revive(std::uint32_t slot) {
  Entry& entry = at(slot);
  unlink_closed(slot);
  --processes_[entry.process].sums.closed_flows;
  entry.closed = entry.missed = entry.untold = false;
  entry.closed_ns = 0;
}

void FlowTable::unlink_closed(std::uint32_t slot) {
  Entry& entry = at(slot);
  (entry.older == kNone ? oldest_closed_ : at(entry.older).newer) = entry.newer;
  (entry.newer == kNone ? newest_closed_ : at(entry.newer).older) = entry.older;
  --closed_;
}

bool FlowTable::lacks_opening(const Flow& flow) const noexcept {
  const std::uint32_t slot = find(flow.cookie);
  if (slot == kNone) return true;
  const Entry& entry = at(slot);
  return !entry.has_opening || entry.opened_ns != flow.opened_ns;
}

bool FlowTable::apply(const Event& event) {
  const Flow& flow = event.flow;
  if (event.kind() == EventKind::kGap || flow.cookie == 0) return true;
  std::uint32_t slot = find(flow.cookie);
  switch (event.kind()) {
    case EventKind::kConnect:
    case EventKind::kAccept:
      if (slot == kNone) {
        slot = add(flow, event.mono_ns);
      } else if (at(slot).closed) {
        slot = reopen(slot, flow, event.mono_ns);
      } else {
        Entry& entry = at(slot);
        if (in_pass_) entry.pass = pass_;
        entry.direction = flow.direction;
        entry.state = flow.state;
        set_ends(slot, flow);
        entry.opened_ns = flow.opened_ns;
        set_owner(entry, flow, event.mono_ns);
      }
      at(slot).has_opening = true;
      break;

    case EventKind::kClose:
      if (slot != kNone && at(slot).remnant) {
        remove(slot);
        slot = kNone;
      }
      if (slot == kNone) slot = add(flow, event.mono_ns);
      set_owner(at(slot), flow, event.mono_ns);
      if (at(slot).closed) {  // a pass did not show it before; these are its true figures
        at(slot).missed = at(slot).untold = false;
        count(at(slot), flow.counters);
        at(slot).has_counters = flow.has_counters;
      } else {
        at(slot).state = flow.state;
        set_ends(slot, flow);
        count(at(slot), flow.counters);
        at(slot).has_counters = flow.has_counters;
        close(slot, event.mono_ns);
      }
      break;

    case EventKind::kConnectFailed:
      if (slot != kNone) at(slot).untold = false;
      if (slot != kNone && !at(slot).closed) {
        at(slot).state = TcpState::kClose;
        if (flow.has_counters) count(at(slot), flow.counters);
        close(slot, event.mono_ns);
      }
      break;

    case EventKind::kOwner:
      if (slot != kNone) {
        const std::uint32_t before = at(slot).process;
        set_owner(at(slot), flow, event.mono_ns);
        return at(slot).process != before;
      }
      break;

    case EventKind::kState:
      if (slot != kNone && !at(slot).closed) at(slot).state = flow.state;
      break;

    case EventKind::kAttempt:
    case EventKind::kRetransmit:
    case EventKind::kReset:
    case EventKind::kData:
    case EventKind::kProcess:
    case EventKind::kRefused:
    case EventKind::kListenDrop:
    case EventKind::kUdpPeer:
    case EventKind::kDns:
    case EventKind::kAlert:
    case EventKind::kGap: break;
  }
  return true;
}

void FlowTable::begin_sync(std::uint64_t now_ns, bool counts_untold) {
  counts_untold_ = counts_untold;
  untold_before_ = untold_.size();
  ++pass_;
  in_pass_ = true;
  pass_began_ns_ = now_ns;
}

FlowTable::Change FlowTable::sync(const Flow& socket) {
  if (socket.cookie == 0) return {};
  std::uint32_t slot = find(socket.cookie);
  if (slot == kNone) {
    slot = add(socket, pass_began_ns_);
    Entry& entry = at(slot);
    if (socket.has_counters) count(entry, socket.counters);
    entry.has_counters = socket.has_counters;
    // Bytes from before this interval do not count for its rate.
    if (entry.opened_ns == 0 || entry.opened_ns < interval_began_ns_) {
      entry.interval_tx = entry.counters.tx_bytes;
      entry.interval_rx = entry.counters.rx_bytes;
      entry.interval_retransmits = entry.counters.retransmits;
      entry.interval_segments = entry.counters.tx_segments;
    }
    if (socket.state == TcpState::kTimeWait) {
      entry.closed = entry.remnant = true;
      entry.closed_ns = pass_began_ns_;
      ++remnants_;
    }
    entry.pass = pass_;
    return {.is_new = true};
  }
  Entry& entry = at(slot);
  const TcpState before = entry.state;
  entry.pass = pass_;
  if (entry.missed) revive(slot);
  if (entry.closed) {
    if (socket.state == TcpState::kTimeWait) entry.state = socket.state;
    return {.before = entry.state};
  }
  if (socket.has_counters && (socket.counters.tx_bytes < entry.counters.tx_bytes ||
                              socket.counters.rx_bytes < entry.counters.rx_bytes)) {
    // Smaller counters: the socket connected again, and the events of that were lost.
    close(slot, pass_began_ns_);
    slot = find(socket.cookie);
    if (slot != kNone) remove(slot);
    return sync(socket);
  }
  if (socket.state == TcpState::kTimeWait) {  // its close event was lost, with its final figures
    expect_end(slot);
    entry.state = socket.state;
    close(slot, pass_began_ns_);
    return {.is_closed = true, .before = before};
  }
  entry.state = socket.state;
  set_ends(slot, socket);
  if (socket.direction != Direction::kUnknown) entry.direction = socket.direction;
  if (socket.opened_ns != 0) entry.opened_ns = socket.opened_ns;
  set_owner(entry, socket, pass_began_ns_);
  if (socket.has_counters) count(entry, socket.counters);
  return {.before = before};
}

bool FlowTable::sync_counters(const Flow& socket) {
  const std::uint32_t slot = find(socket.cookie);
  if (slot == kNone) return false;
  Entry& entry = at(slot);
  if (entry.missed) revive(slot);
  if (entry.closed) return false;
  entry.pass = pass_;
  entry.state = socket.state;
  count(entry, socket.counters);
  return true;
}

bool FlowTable::misses_some() const noexcept {
  for (std::uint32_t slot = 0; slot < chunks_.size() * kChunk; ++slot)
    if (is_missed(at(slot))) return true;
  return false;
}

void FlowTable::end_sync(const std::function<void(const Flow&)>& gone, const Hides& hides) {
  in_pass_ = false;
  for (const std::uint32_t slot : std::span(untold_).first(untold_before_)) {
    if (!counts_untold_) at(slot).untold = false;
    count_untold(at(slot));
  }
  untold_.erase(untold_.begin(), untold_.begin() + static_cast<std::ptrdiff_t>(untold_before_));
  for (auto held = held_.begin(); held != held_.end();) {
    const auto [cookie, moved] = *held++;
    if (pass_ - moved.since >= kPassesHeld) credit_held(at(find(cookie)));
  }
  Flow flow;
  for (std::uint32_t slot = 0; slot < chunks_.size() * kChunk; ++slot) {
    Entry& entry = at(slot);
    if (entry.in_use && entry.remnant && entry.pass != pass_) {
      remove(slot);
    } else if (is_missed(entry)) {
      if (gone || hides) fill(slot, flow);
      if (hides && hides(flow)) continue;
      entry.missed = true;
      if (gone) gone(flow);
      expect_end(slot);
      close(slot, pass_began_ns_);
    }
  }
}

bool FlowTable::read(std::uint64_t cookie, Flow& flow) const {
  const std::uint32_t slot = find(cookie);
  if (slot == kNone) return false;
  fill(slot, flow);
  return true;
}

void FlowTable::fill_owner(const Entry& entry, Owner& owner) const {
  const Process& process = processes_[entry.process].sums;
  owner.pid = process.pid;
  owner.opener_pid = entry.opener_pid;
  owner.start_ns = process.start_ns;
  owner.cgroup_id = process.cgroup_id;
  owner.uid.reset();
  if (entry.has_uid) owner.uid = entry.uid;
  owner.kind = entry.owner;
  owner.comm = process.comm;
}

void FlowTable::fill(std::uint32_t slot, Flow& flow) const {
  const Entry& entry = at(slot);
  flow.cookie = entry.cookie;
  flow.netns = entry.netns;
  flow.protocol = entry.protocol;
  flow.direction = entry.direction;
  flow.state = entry.state;
  flow.closed = entry.closed;
  flow.interface = entry.interface;
  flow.ipv6_only = entry.ipv6_only;
  flow.local = entry.local;
  flow.remote = entry.remote;
  flow.conn_id = entry.conn_id;
  flow.other_end = other_end_of(slot);
  fill_owner(entry, flow.owner);
  flow.counters = entry.counters;
  flow.has_counters = entry.has_counters;
  flow.opened_ns = entry.opened_ns;
  flow.closed_ns = entry.closed_ns;
}

void FlowTable::take(std::uint64_t now_ns, const Wanted& wanted, Snapshot& snapshot) {
  snapshot.mono_ns = now_ns;
  const bool first = interval_began_ns_ == 0;
  const double seconds = static_cast<double>(now_ns - interval_began_ns_) / 1e9;
  if (!first) snapshot.interval_s = seconds;
  auto rate = [&](std::uint64_t delta) { return static_cast<double>(delta) / seconds; };

  struct Sums {
    std::uint64_t tx, rx, retransmits, segments, srtt_us;
    std::uint32_t open, listeners, with_srtt;
    bool wanted;
  };
  std::vector<Sums> sums(processes_.slots());

  pair_new();
  snapshot.flows.reserve(index_.size());
  Flow flow;
  for (std::uint32_t slot = 0; slot < chunks_.size() * kChunk; ++slot) {
    Entry& entry = at(slot);
    if (!entry.in_use) continue;
    Sums& sum = sums[entry.process];
    const std::uint64_t tx = grown(entry.counters.tx_bytes, entry.interval_tx);
    const std::uint64_t rx = grown(entry.counters.rx_bytes, entry.interval_rx);
    if (!entry.closed) {
      sum.tx += tx;
      sum.rx += rx;
      sum.retransmits += grown(entry.counters.retransmits, entry.interval_retransmits);
      if (entry.protocol == Protocol::kTcp)
        sum.segments += grown(entry.counters.tx_segments, entry.interval_segments);
      if (entry.direction == Direction::kListen)
        ++sum.listeners;
      else
        ++sum.open;
      if (entry.counters.srtt_us != 0) {
        sum.srtt_us += entry.counters.srtt_us;
        ++sum.with_srtt;
      }
    }
    if (entry.direction != Direction::kListen && !entry.remnant)
      (entry.has_counters ? processes_[entry.process].had_counted
                          : processes_[entry.process].had_uncounted) = true;
    entry.interval_tx = entry.counters.tx_bytes;
    entry.interval_rx = entry.counters.rx_bytes;
    entry.interval_retransmits = entry.counters.retransmits;
    entry.interval_segments = entry.counters.tx_segments;
    fill(slot, flow);
    if (wanted && !wanted(flow)) continue;
    sum.wanted = true;
    if (entry.former != 0) sums[entry.former].wanted = true;
    if (!first && (entry.has_counters || entry.remnant)) {
      flow.tx_rate = rate(tx);
      flow.rx_rate = rate(rx);
    } else {
      flow.tx_rate.reset();
      flow.rx_rate.reset();
    }
    snapshot.flows.push_back(flow);
  }

  for (std::uint32_t slot = 0; slot < processes_.slots(); ++slot) {
    ProcessTotals::Entry& entry = processes_[slot];
    Sums& sum = sums[slot];
    sum.tx += entry.closed_tx;
    sum.rx += entry.closed_rx;
    sum.retransmits += entry.closed_retransmits;
    sum.segments += entry.closed_segments;
    entry.closed_tx = entry.closed_rx = entry.closed_retransmits = entry.closed_segments = 0;
    const bool seen = entry.references != 0 || entry.sums.closed_flows != 0;
    if (!entry.in_use || !seen || (wanted && !sum.wanted)) continue;
    Process process = entry.sums;
    process.open_flows = sum.open;
    process.listeners = sum.listeners;
    if (sum.with_srtt != 0)
      process.srtt_us = static_cast<std::uint32_t>(sum.srtt_us / sum.with_srtt);
    if (!first && (entry.had_counted || !entry.had_uncounted)) {
      process.tx_rate = rate(sum.tx);
      process.rx_rate = rate(sum.rx);
      process.retransmit_rate = rate(sum.retransmits);
      process.tx_segment_rate = rate(sum.segments);
    }
    snapshot.processes.push_back(process);
  }
  interval_began_ns_ = now_ns;
}

void FlowTable::expire(std::uint64_t now_ns, const std::function<bool(std::uint32_t)>& is_running) {
  const std::uint64_t before =
      now_ns > limits_.keep_closed_ns ? now_ns - limits_.keep_closed_ns : 0;
  std::uint32_t slot = oldest_closed_;
  std::size_t excess = closed_ > limits_.max_closed ? closed_ - limits_.max_closed : 0;
  while (slot != kNone && (excess != 0 || at(slot).closed_ns < before)) {
    const std::uint32_t newer = at(slot).newer;
    if (!still_shown(at(slot))) remove(slot);
    if (excess != 0) --excess;
    slot = newer;
  }
  processes_.expire(before, is_running);
}

}  // namespace sockscope
