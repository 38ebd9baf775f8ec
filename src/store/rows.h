// SPDX-License-Identifier: Apache-2.0
// What a recorder writes, row by row: docs/history-format.md.
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sockscope::store {

// Rows are ordered by keys, which are made of CLOCK_MONOTONIC: milliseconds times 4096, plus a
// number that makes them different. No row has a key below that of an earlier row of its table.
using Key = std::int64_t;
inline constexpr Key kKeysPerMs = 4096;
constexpr Key first_key_at(std::uint64_t mono_ns) {
  return static_cast<Key>(mono_ns / 1'000'000) * kKeysPerMs;
}

// What a flow moved.
struct Moved {
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_segments = 0;
  std::uint64_t rx_segments = 0;
  std::uint64_t retransmits = 0;

  static Moved of(const Counters& counters) noexcept;
  Moved operator-(const Moved& before) const noexcept;
  Moved& operator+=(const Moved& more) noexcept;
  bool operator==(const Moved&) const = default;
};

namespace row {

// A flow that is seen for the first time in this file. What it had moved by then is `before`.
struct Flow {
  Key key;
  sockscope::Flow flow;
  Moved before;
  bool is_whole = false;  // opened and closed since the interval before: there are no deltas
};
// What it moved since the row before, with the process that had it.
struct Delta {
  Key key;
  Key flow;
  sockscope::Owner owner;
  TcpState state;
  Moved moved;
  std::uint32_t srtt_us;
};
// The end of the flow, or of the file. `moved`: since it was first seen in this file.
struct Total {
  Key flow;
  sockscope::Owner owner;
  std::uint64_t closed_ns;  // 0: still open
  TcpState state;
  bool has_counters;
  Moved moved;
  Counters counters;
};
struct Failure {
  Key key;
  sockscope::Flow flow;
  int error;
  std::uint64_t latency_us;
};
// Something is missing from `from_ns` until the key's time.
struct Gap {
  Key key;
  std::uint64_t from_ns;
  std::string reason;
  std::uint64_t count;  // how many; 0: not known
};
// The end of an interval.
struct Sample {
  Key key;
  std::uint64_t wall_ns;
  std::uint64_t mono_ns;
  std::uint32_t open_flows;
  std::uint64_t lost;
};
// A new file begins.
struct File {
  std::uint64_t mono_ns;
  std::uint64_t wall_ns;
};

using Any = std::variant<Flow, Delta, Total, Failure, Gap, Sample, File>;

}  // namespace row

using Batch = std::vector<row::Any>;

}  // namespace sockscope::store
