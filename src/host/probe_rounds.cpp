// SPDX-License-Identifier: Apache-2.0
#include "host/probe_rounds.h"

#include <algorithm>

namespace sockscope {

bool ProbeRounds::is_due(std::uint64_t mono_ns) const noexcept {
  return !under_way_ && (!has_begun_ || mono_ns >= began_.mono_ns + kPatienceNs);
}

void ProbeRounds::begin(Moment now, std::uint16_t first) {
  under_way_ = true;
  has_begun_ = true;
  began_ = now;
  first_ = first;
  rtt_ms_ = {};
}

void ProbeRounds::answer(std::uint16_t sequence, std::uint64_t received_wall_ns, Moment now) {
  const auto number = static_cast<std::uint16_t>(sequence - first_);
  if (!under_way_ || number >= kRequests || rtt_ms_[number]) return;
  // The monotonic clock, which is never set, limits what the wall clock may say.
  const std::uint64_t longest = now.mono_ns - began_.mono_ns;
  std::uint64_t rtt = longest;
  if (received_wall_ns >= began_.wall_ns && received_wall_ns - began_.wall_ns <= longest)
    rtt = received_wall_ns - began_.wall_ns;
  if (rtt <= kPatienceNs) rtt_ms_[number] = static_cast<double>(rtt) / 1e6;
}

void ProbeRounds::settle(std::uint64_t mono_ns) {
  if (!under_way_) return;
  double sum = 0;
  std::size_t answers = 0;
  for (const auto& rtt : rtt_ms_) {
    if (!rtt) continue;
    sum += *rtt;
    ++answers;
  }
  if (answers < kRequests && mono_ns < began_.mono_ns + kPatienceNs) return;
  under_way_ = false;
  last_rtt_ms_.reset();
  if (answers != 0) last_rtt_ms_ = sum / static_cast<double>(answers);
  last_loss_pct_ = 100.0 * static_cast<double>(kRequests - answers) / kRequests;
  if (history_.size() == kHistory) history_.erase(history_.begin());
  history_.push_back(last_rtt_ms_);
}

void ProbeRounds::fill(ProbeHealth& health) const {
  health.rtt_ms = last_rtt_ms_;
  health.loss_pct = last_loss_pct_;
  health.rtt_history = history_;
}

}  // namespace sockscope
