// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>
#include <sockscope/types.h>

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "store/rows.h"

namespace sockscope::store {

// Turns what a Monitor shows into rows. Pure: it knows neither files nor clocks. The sum of a
// flow's deltas, together with `before`, always equals the counters that were last shown.
class Recorder {
 public:
  // To be given every event since the first snapshot, and a snapshot of all flows at every
  // interval. The first one begins a file.
  void take(const Event& event);
  void take(const Snapshot& snapshot);
  // Before the next snapshot, a new file begins: it lists all open flows, as if they were seen for
  // the first time.
  void begin_file() noexcept { is_file_due_ = true; }
  // The end of recording: all that is open gets its totals.
  void finish() { tell_totals(); }
  // The rows since the previous call.
  Batch rows() { return std::exchange(rows_, {}); }

 private:
  struct Known {
    Key key = 0;
    Moved before;
    Moved written;      // what the rows so far say, with `before`
    Counters counters;  // as they were last
    Owner owner;
    TcpState state = TcpState::kNone;
    std::uint64_t pass = 0;
    bool has_counters = false;
  };
  // Keys of one table.
  class Keys {
   public:
    Key next(std::uint64_t mono_ns) { return last_ = std::max(first_key_at(mono_ns), last_ + 1); }

   private:
    Key last_ = 0;
  };

  void add(const Flow& flow, std::uint64_t mono_ns, bool was_known);
  void move(Known& known, const Flow& flow, std::uint64_t mono_ns);
  void close(const Flow& flow, std::uint64_t mono_ns);
  void tell_total(const Known& known, std::uint64_t closed_ns);
  void tell_totals();

  Batch rows_;
  std::unordered_map<std::uint64_t, Known> open_;  // by cookie
  std::uint64_t pass_ = 0;
  std::uint64_t began_ns_ = 0;     // of the first event
  std::uint64_t previous_ns_ = 0;  // of the latest snapshot
  std::uint64_t lost_ = 0;
  bool is_file_due_ = true;
  Keys flow_keys_, delta_keys_, failure_keys_, gap_keys_, sample_keys_;
};

}  // namespace sockscope::store
