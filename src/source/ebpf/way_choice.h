// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "source/ebpf/refusal.h"
#include "source/ebpf/ways.h"

namespace sockscope {

// Which way each observation takes: the best of those that neither the user nor the kernel refuses
// and that go together. Asks the kernel nothing: it is told what was refused. Plans are named by
// their position in plans().
class WayChoice {
 public:
  WayChoice(const std::function<bool(Need)>& is_needed, DoorChoice doors);

  // In plans(), which has it.
  static std::size_t position_of(Observation observation) noexcept;

  // Chooses anew, after refusals.
  void choose();

  // The kernel has no socket storage for tracing programs, or no helper for cookies (nor storage
  // then).
  void lose_storage() noexcept { has_storage_ = false; }
  void lose_cookies() noexcept { has_storage_ = has_cookies_ = false; }
  bool has_storage() const noexcept { return has_storage_; }
  bool has_cookies() const noexcept { return has_cookies_; }
  // A hash that is not filled in advance costs little (Linux 6.1).
  void set_hash_quick(bool is_quick) noexcept { is_hash_quick_ = is_quick; }

  // The way that this plan takes now is not open, nor is any other that this tells of: those with
  // the same program and, where the kernel bars its kind, all of that kind.
  void refuse(std::size_t plan, bpf_program* ProgramSet::*program, const Refusal& refusal);
  // Asks of each way that is not refused yet.
  void refuse_where(const std::function<Refusal(const Way&)>& reason);
  // Where nothing wanted looks at packets anyhow, ways that do come after others.
  void weigh_packets();

  bool is_wanted(std::size_t plan) const noexcept { return states_[plan].is_wanted; }
  // Null: none.
  const Way* way_of(std::size_t plan) const noexcept;
  const Way* way_of(Observation observation) const noexcept;
  StateIn states_in() const noexcept { return states_in_; }

  // A wanted observation without which there is nothing to show has no way; null: each has one.
  const Plan* lost_essential() const noexcept;
  // Whether a way is left for it when the present one is refused.
  bool has_another(std::size_t plan) const noexcept;
  // The ways better than the one taken, and why they are not.
  void for_each_refusal(std::size_t plan,
                        const std::function<void(const Way&, const Refusal&)>& handle) const;

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct PlanState {
    bool is_wanted = false;
    std::size_t chosen = kNone;
    std::vector<Refusal> refused;  // of each way
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
