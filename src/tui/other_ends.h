// SPDX-License-Identifier: Apache-2.0
// The process at the other end of a connection, if that is on this host.
#pragma once

#include <cstdint>
#include <vector>

#include "tui/history.h"
#include "tui/opened_since.h"

namespace sockscope::tui {

// An index over the connections of one sample and those opened since. With it, the rows on the
// screen do not each need a pass over all connections. Valid as long as neither of the two changes.
class OtherEnds {
 public:
  void make(const History& history, const Sample& sample, const OpenedSince& opened);

  // The connection of the same network namespace and protocol with the ends exchanged, whose
  // process is known, and which is open if `flow` is; null: there is none.
  const Flow* find(const Flow& flow, const History& history, const OpenedSince& opened) const;

 private:
  struct Entry {
    std::uint64_t hash;  // of its ends
    std::uint32_t index;
    bool is_later;  // one of those opened since
  };
  std::vector<Entry> entries_;  // by hash
  std::uint64_t sample_ = 0;    // what it was made from, by number
  std::uint64_t newest_ = 0;
};

}  // namespace sockscope::tui
