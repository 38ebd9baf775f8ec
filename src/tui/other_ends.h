// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of a connection, where that is on this host.
#pragma once

#include <cstdint>
#include <vector>

#include "tui/history.h"
#include "tui/opened_since.h"

namespace sockscope::tui {

// An index over the connections of one sample and those opened since; looked up in it, the screen's
// rows cost no pass over all connections each. Holds as long as neither of them changes.
class OtherEnds {
 public:
  void make(const History& history, const Sample& sample, const OpenedSince& opened);

  // The connection of the same network namespace and protocol with the ends exchanged, open as the
  // one asked for is open, whose process is known; null: there is none.
  const Flow* find(const Flow& flow, const History& history, const OpenedSince& opened) const;

 private:
  struct Entry {
    std::uint64_t hash;  // of its ends
    std::uint32_t index;
    bool is_later;  // of those opened since
  };
  std::vector<Entry> entries_;  // by hash
  std::uint64_t sample_ = 0;    // the numbers of what it was made of
  std::uint64_t newest_ = 0;
};

}  // namespace sockscope::tui
