// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/host.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace sockscope {

// Rounds of three echo requests to one host, sent together; each gets a second for its answer.
// Pure: times come in as arguments.
class ProbeRounds {
 public:
  static constexpr std::size_t kRequests = 3;
  static constexpr std::size_t kHistory = 60;
  static constexpr std::uint64_t kPatienceNs = 1'000'000'000;

  // Two clocks, because the kernel's time stamps are wall time, which may be set in between.
  struct Moment {
    std::uint64_t mono_ns = 0;
    std::uint64_t wall_ns = 0;
  };

  bool is_under_way() const noexcept { return under_way_; }
  // True when no round is in progress, and the last one began at least a second ago.
  bool is_due(std::uint64_t mono_ns) const noexcept;

  // The requests carry the sequence numbers first, first + 1, ….
  void begin(Moment now, std::uint16_t first);
  // Counts the round trip of a reply to this round, once. received_wall_ns: the kernel's time
  // stamp; 0: there is none. now: when the reply was read.
  void answer(std::uint16_t sequence, std::uint64_t received_wall_ns, Moment now);
  // Ends the round when all requests are answered or their second is over.
  void settle(std::uint64_t mono_ns);

  // Fills in loss, RTT and history; empty before the first round is over.
  void fill(ProbeHealth& health) const;

 private:
  bool under_way_ = false;
  bool has_begun_ = false;
  Moment began_;
  std::uint16_t first_ = 0;
  std::array<std::optional<double>, kRequests> rtt_ms_;
  std::optional<double> last_rtt_ms_;
  std::optional<double> last_loss_pct_;
  std::vector<std::optional<double>> history_;
};

}  // namespace sockscope
