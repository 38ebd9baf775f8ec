// SPDX-License-Identifier: Apache-2.0
// Connections that were opened while the screen shows an earlier moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "tui/history.h"

namespace sockscope::tui {

// The connections that a sample does not have yet, in the order in which they came. Each is as the
// newest sample has it, or closed, as it was last seen. They stay until start() or stop().
class OpenedSince {
 public:
  static constexpr std::size_t kMost = 4096;

  // Collects connections that come after this sample. Forgets all earlier ones.
  void start(const Sample& sample);
  void stop() { *this = {}; }
  bool is_on() const noexcept { return sample_ != 0; }

  // Looks at the newest sample, at each only once. When there are too many connections, those that
  // are not wanted now are dropped.
  void look(const History& history, const std::function<bool(const Flow&)>& wanted);

  const std::vector<Flow>& flows() const noexcept { return flows_; }
  // Null: there is none with that cookie.
  const Flow* find(std::uint64_t cookie) const;
  // True when more than kMost were wanted.
  bool is_full() const noexcept { return is_full_; }

 private:
  void make_room(const std::function<bool(const Flow&)>& wanted);

  std::uint64_t sample_ = 0;  // number of the sample; 0: off
  std::uint64_t mono_ns_ = 0;
  std::uint64_t looked_at_ = 0;  // number of the sample that was looked at last
  std::vector<Flow> flows_;
  std::unordered_map<std::uint64_t, std::size_t> places_;  // by cookie
  bool is_full_ = false;
};

}  // namespace sockscope::tui
