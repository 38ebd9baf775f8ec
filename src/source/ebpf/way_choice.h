// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "source/ebpf/refusal.h"
#include "source/ebpf/ways.h"

namespace sockscope {

// Chooses the way for each observation: the best of those that neither the user nor the kernel
// refuses and that go together. Does not ask the kernel itself: callers report what was refused.
// Plans are identified by their position in plans().
class WayChoice {
 public:
  WayChoice(const std::function<bool(Need)>& is_needed, DoorChoice doors);

  // The position of the observation's plan, which must exist.
  static std::size_t position_of(Observation observation) noexcept;

  // Chooses again, after refusals.
  void choose();

  // To be called when the kernel has no socket storage for tracing programs, or no cookie helper
  // (and then no such storage either).
  void lose_storage() noexcept { has_storage_ = false; }
  void lose_cookies() noexcept { has_storage_ = has_cookies_ = false; }
  bool has_storage() const noexcept { return has_storage_; }
  bool has_cookies() const noexcept { return has_cookies_; }
  // True where a hash without preallocated elements is fast (Linux 6.1).
  void set_hash_quick(bool is_quick) noexcept { is_hash_quick_ = is_quick; }

  // The kernel refused the plan's present way. Other ways that this concerns are refused too: those
  // with the same program and, where the kernel bars its kind, all of that kind.
  void refuse(std::size_t plan, bpf_program* ProgramSet::*program, const Refusal& refusal);
  // Calls `reason` for each way that is not yet refused; an answer that is not empty refuses it.
  void refuse_where(const std::function<Refusal(const Way&)>& reason);
  // When nothing that is wanted looks at packets, puts ways that do behind all others.
  void weigh_packets();

  bool is_wanted(std::size_t plan) const noexcept { return states_[plan].is_wanted; }
  // Null: there is none.
  const Way* way_of(std::size_t plan) const noexcept;
  const Way* way_of(Observation observation) const noexcept;
  StateIn states_in() const noexcept { return states_in_; }

  // A wanted observation that is essential and has no way; null: there is none.
  const Plan* lost_essential() const noexcept;
  // Whether another way is left when the plan's present one is refused.
  bool has_another(std::size_t plan) const noexcept;
  // Calls `handle` with each way that is better than the chosen one, and why it is refused.
  void for_each_refusal(std::size_t plan,
                        const std::function<void(const Way&, const Refusal&)>& handle) const;

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct PlanState {
    bool is_wanted = false;
    std::size_t chosen = kNone;
    std::vector<Refusal> refused;  // one for each way
  };

  bool is_usable(std::size_t plan, std::size_t way, StateIn states) const;
  bool choose_with(StateIn states);

  DoorChoice doors_;
  std::vector<PlanState> states_;
  StateIn states_in_ = StateIn::kStorage;
  bool has_storage_ = true;
  bool has_cookies_ = true;
  bool is_hash_quick_ = true;
};

}  // namespace sockscope
