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

// DNS as this host asked for it, summed up since the start: queries sent to a server, answers
// received from one. What is asked of a server on this host is not its question. At most kMostNames
// are counted; beyond them those asked for least give way, and count from one when they come back.
class DnsFigures {
 public:
  static constexpr std::size_t kMostNames = 4'096;
  static constexpr std::size_t kTopNames = 20;

  void take(const Event& event);  // of any kind
  DnsAnalytics figures() const;   // names by count, then in order

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
