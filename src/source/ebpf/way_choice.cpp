// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/way_choice.h"

#include <algorithm>
#include <utility>

namespace sockscope {

WayChoice::WayChoice(const std::function<bool(Need)>& is_needed, DoorChoice doors)
    : doors_(doors), states_(plans().size()) {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    states_[i].is_wanted = is_needed(plans()[i].need);
    states_[i].refused.resize(plans()[i].ways.size());
  }
}

std::size_t WayChoice::position_of(Observation observation) noexcept {
  const auto& all = plans();
  return static_cast<std::size_t>(
      std::find_if(all.begin(), all.end(),
                   [observation](const Plan& plan) { return plan.observation == observation; }) -
      all.begin());
}

bool WayChoice::is_usable(std::size_t plan, std::size_t way, StateIn states) const {
  const Way& candidate = plans()[plan].ways[way];
  return !states_[plan].refused[way] && doors_.allows(candidate.kind) &&
         (candidate.state == StateIn::kAny || candidate.state == states);
}

// Returns whether a kprobe could make an observation that no other way can.
bool WayChoice::choose_with(StateIn states) {
  states_in_ = states;
  bool would_gain = false;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    PlanState& state = states_[i];
    const Plan& plan = plans()[i];
    state.chosen = kNone;
    if (plan.need == Need::kTcpInHash) state.is_wanted = states != StateIn::kStorage;
    if (plan.need == Need::kAllInHash) state.is_wanted = states == StateIn::kHash;
    if (!state.is_wanted) continue;
    for (std::size_t way = 0; way < plan.ways.size() && state.chosen == kNone; ++way)
      if (is_usable(i, way, states)) state.chosen = way;
    if (state.chosen != kNone) continue;
    for (std::size_t way = 0; way < plan.ways.size(); ++way)
      would_gain |= plan.ways[way].kind == DoorKind::kProbe && is_usable(i, way, StateIn::kHash);
  }
  return would_gain;
}

// TCP's states are cheaper in the hash, provided that the beginning and end of connections are
// seen; UDP's are cheaper in storage. All states go into the hash only when storage cannot be used,
// or for an observation that only a kprobe can make.
void WayChoice::choose() {
  bool would_gain = false;
  if (has_storage_) {
    would_gain = choose_with(StateIn::kByProtocol);
    const Way* lifecycle = way_of(Observation::kTcpLifecycle);
    if (!way_of(Observation::kTcpEnd) || !lifecycle || !is_hash_quick_ ||
        lifecycle->kind != DoorKind::kTracepoint)
      would_gain = choose_with(StateIn::kStorage);
  }
  if (!has_storage_ || would_gain) choose_with(StateIn::kHash);
}

void WayChoice::refuse(std::size_t plan, bpf_program* ProgramSet::*program,
                       const Refusal& refusal) {
  const Way& taken = plans()[plan].ways[states_[plan].chosen];
  const bool is_kind_barred =
      refusal.reason == RefusalReason::kBarred &&
      (taken.kind == DoorKind::kMapIterator || taken.kind == DoorKind::kFunction);
  // The verifier's objection may hold only for where the states are kept now.
  const bool is_final = refusal.reason != RefusalReason::kVerifier;
  states_[plan].refused[states_[plan].chosen] = refusal;
  refuse_where([&](const Way& way) {
    const bool has_it = std::any_of(
        way.programs.begin(), way.programs.end(),
        [program](const ProgramRef& reference) { return reference.program == program; });
    return (is_final && has_it) || (is_kind_barred && way.kind == taken.kind) ? refusal : Refusal{};
  });
}

void WayChoice::refuse_where(const std::function<Refusal(const Way&)>& reason) {
  for (std::size_t i = 0; i < states_.size(); ++i)
    for (std::size_t way = 0; way < plans()[i].ways.size(); ++way)
      if (Refusal& refused = states_[i].refused[way]; !refused)
        refused = reason(plans()[i].ways[way]);
}

void WayChoice::weigh_packets() {
  if (is_wanted(position_of(Observation::kDnsMessages)) ||
      is_wanted(position_of(Observation::kUdpPeers)))
    return;
  refuse_where([](const Way& way) {
    return way.beside_packets ? Refusal{RefusalReason::kNoPackets} : Refusal{};
  });
}

const Way* WayChoice::way_of(std::size_t plan) const noexcept {
  const std::size_t chosen = states_[plan].chosen;
  return chosen == kNone ? nullptr : &plans()[plan].ways[chosen];
}

const Way* WayChoice::way_of(Observation observation) const noexcept {
  return way_of(position_of(observation));
}

const Plan* WayChoice::lost_essential() const noexcept {
  for (std::size_t i = 0; i < states_.size(); ++i)
    if (plans()[i].essential && states_[i].is_wanted && states_[i].chosen == kNone)
      return &plans()[i];
  return nullptr;
}

bool WayChoice::has_another(std::size_t plan) const noexcept {
  return states_[plan].chosen + 1 < plans()[plan].ways.size();
}

void WayChoice::for_each_refusal(
    std::size_t plan, const std::function<void(const Way&, const Refusal&)>& handle) const {
  const PlanState& state = states_[plan];
  const Refusal* told = nullptr;
  for (std::size_t way = 0; way < std::min(state.chosen, state.refused.size()); ++way) {
    const Way& candidate = plans()[plan].ways[way];
    const Refusal& refusal = state.refused[way];
    if (!refusal || !doors_.allows(candidate.kind)) continue;
    // Ways that differ only in where states are kept were refused for the same reason, which is
    // reported once.
    const bool is_same = told && told->reason == refusal.reason && told->detail == refusal.detail &&
                         candidate.kind == plans()[plan].ways[way - 1].kind;
    told = &refusal;
    if (!is_same) handle(candidate, refusal);
  }
}

}  // namespace sockscope
