// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "format/netwatch.h"

namespace sockscope::netwatch {

// The DNS of this host as a client, summed up since the start: queries sent to a server, answers
// received from one. What servers on this host are asked by others does not count. At most
// kMostNames names are counted; beyond that, the names asked for least are dropped, and start from
// one when they come back.
class DnsFigures {
 public:
  static constexpr std::size_t kMostNames = 4'096;
  static constexpr std::size_t kTopNames = 20;

  void take(const Event& event);  // accepts events of any kind
  DnsAnalytics figures() const;   // names by count, then in alphabetical order

 private:
  void make_room();

  std::uint64_t queries_ = 0;
  std::uint64_t answers_ = 0;
  std::uint64_t unknown_names_ = 0;
  std::uint64_t unanswered_ = 0;
  std::array<std::uint64_t, 8> latencies_{};
  std::unordered_map<std::string, std::uint64_t> names_;
};

}  // namespace sockscope::netwatch
