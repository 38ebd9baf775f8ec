// SPDX-License-Identifier: Apache-2.0
#include "store/recorder.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace sockscope::store {
namespace {

// What a flow had moved before it was seen. The opening of one that opened since is known; UDP is
// counted only from then on.
Moved before_of(const Flow& flow) {
  const bool is_older = flow.protocol == Protocol::kTcp && flow.opened_ns == 0;
  return is_older && flow.has_counters ? Moved::of(flow.counters) : Moved{};
}

}  // namespace

void Recorder::add(const Flow& flow, std::uint64_t mono_ns, bool was_known) {
  Known& known = open_[flow.cookie];
  known = {.key = flow_keys_.next(mono_ns),
           .before = was_known ? Moved::of(flow.counters) : before_of(flow),
           .written = {},
           .counters = {},
           .owner = flow.owner,
           .state = flow.state,
           .pass = pass_,
           .has_counters = flow.has_counters};
  known.written = known.before;
  rows_.push_back(row::Flow{.key = known.key, .flow = flow, .before = known.before});
  move(known, flow, mono_ns);
}

void Recorder::move(Known& known, const Flow& flow, std::uint64_t mono_ns) {
  known.owner = flow.owner;
  known.state = flow.state;
  if (!flow.has_counters) return;
  known.has_counters = true;
  known.counters = flow.counters;
  const Moved now = Moved::of(flow.counters);
  const Moved moved = now - std::exchange(known.written, now);
  if (moved == Moved{}) return;
  rows_.push_back(row::Delta{.key = delta_keys_.next(mono_ns),
                             .flow = known.key,
                             .owner = flow.owner,
                             .state = flow.state,
                             .moved = moved,
                             .srtt_us = flow.counters.srtt_us});
}

void Recorder::tell_total(const Known& known, std::uint64_t closed_ns) {
  rows_.push_back(row::Total{.flow = known.key,
                             .owner = known.owner,
                             .closed_ns = closed_ns,
                             .state = known.state,
                             .has_counters = known.has_counters,
                             .moved = known.written - known.before,
                             .counters = known.counters});
}

void Recorder::tell_totals() {
  for (const auto& [cookie, known] : open_) tell_total(known, 0);
}

void Recorder::close(const Flow& flow, std::uint64_t mono_ns) {
  const auto found = open_.find(flow.cookie);
  if (found == open_.end()) {
    rows_.push_back(row::Flow{.key = flow_keys_.next(mono_ns),
                              .flow = flow,
                              .before = before_of(flow),
                              .is_whole = true});
    return;
  }
  move(found->second, flow, mono_ns);
  tell_total(found->second, flow.closed_ns != 0 ? flow.closed_ns : mono_ns);
  open_.erase(found);
}

void Recorder::take(const Event& event) {
  const Flow& flow = event.flow;
  if (began_ns_ == 0 || event.mono_ns < began_ns_) began_ns_ = event.mono_ns;
  if (const auto* const gap = std::get_if<event::Gap>(&event.what)) {
    rows_.push_back(row::Gap{.key = gap_keys_.next(event.mono_ns),
                             .from_ns = previous_ns_ != 0 ? previous_ns_ : event.mono_ns,
                             .reason = "events were lost",
                             .count = gap->lost.total()});
  } else if (const auto* const failed = std::get_if<event::ConnectFailed>(&event.what)) {
    rows_.push_back(row::Failure{.key = failure_keys_.next(event.mono_ns),
                                 .flow = flow,
                                 .error = failed->error,
                                 .latency_us = failed->latency_us});
    if (const auto found = open_.find(flow.cookie); found != open_.end()) {
      tell_total(found->second, event.mono_ns);
      open_.erase(found);
    }
  } else if (event.kind() == EventKind::kClose && flow.cookie != 0) {
    close(flow, event.mono_ns);
  }
}

void Recorder::take(const Snapshot& snapshot) {
  const std::uint64_t now = snapshot.mono_ns;
  ++pass_;
  // What ended before the first look is in the first file, too.
  const bool begins_first = previous_ns_ == 0;
  if (begins_first) {
    const std::uint64_t began = began_ns_ != 0 ? std::min(began_ns_, now) : now;
    rows_.insert(rows_.begin(),
                 row::File{.mono_ns = began, .wall_ns = snapshot.wall_ns - (now - began)});
  }
  const bool begins_file = std::exchange(is_file_due_, false);
  for (const Flow& flow : snapshot.flows) {
    if (flow.cookie == 0 || flow.peer_of != 0) continue;
    const auto found = open_.find(flow.cookie);
    if (found != open_.end() && flow.closed) {  // its close event was lost
      close(flow, now);
    } else if (found != open_.end()) {
      found->second.pass = pass_;
      move(found->second, flow, now);
    } else if (!flow.closed && (begins_first || !begins_file)) {
      add(flow, now, false);
    }
  }
  // What is neither shown nor was reported as closed.
  for (auto each = open_.begin(); each != open_.end();) {
    auto& [cookie, known] = *each;
    if (known.pass == pass_) {
      ++each;
      continue;
    }
    tell_total(known, now);
    each = open_.erase(each);
  }
  if (begins_file && !begins_first) {
    tell_totals();
    const auto before = std::exchange(open_, {});
    rows_.push_back(row::File{.mono_ns = now, .wall_ns = snapshot.wall_ns});
    for (const Flow& flow : snapshot.flows)
      if (flow.cookie != 0 && flow.peer_of == 0 && !flow.closed)
        add(flow, now, before.contains(flow.cookie));
  }
  rows_.push_back(row::Sample{.key = sample_keys_.next(now),
                              .wall_ns = snapshot.wall_ns,
                              .mono_ns = now,
                              .open_flows = static_cast<std::uint32_t>(open_.size()),
                              .lost = snapshot.lost.total() - lost_});
  lost_ = snapshot.lost.total();
  previous_ns_ = now;
}

}  // namespace sockscope::store
