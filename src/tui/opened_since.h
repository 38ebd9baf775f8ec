// SPDX-License-Identifier: Apache-2.0
// What was opened while the screen stands still.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "tui/history.h"

namespace sockscope::tui {

// The connections that a sample does not have yet, in the order they came, each as the newest
// sample has it, or as it was last seen: closed. They stay until start() or stop().
class OpenedSince {
 public:
  static constexpr std::size_t kMost = 4096;

  // What comes after this sample. Forgets all there is.
  void start(const Sample& sample);
  void stop() { *this = {}; }
  bool is_on() const noexcept { return sample_ != 0; }

  // Looks at the newest sample, at each only once. When there are too many, those leave that nobody
  // wants to see now.
  void look(const History& history, const std::function<bool(const Flow&)>& wanted);

  const std::vector<Flow>& flows() const noexcept { return flows_; }
  // Null: it is not among them.
  const Flow* find(std::uint64_t cookie) const;
  // There were more than kMost that were wanted.
  bool is_full() const noexcept { return is_full_; }

 private:
  void make_room(const std::function<bool(const Flow&)>& wanted);

  std::uint64_t sample_ = 0;  // its number; 0: off
  std::uint64_t mono_ns_ = 0;
  std::uint64_t looked_at_ = 0;  // the number of that sample
  std::vector<Flow> flows_;
  std::unordered_map<std::uint64_t, std::size_t> places_;  // by cookie
  bool is_full_ = false;
};

}  // namespace sockscope::tui
