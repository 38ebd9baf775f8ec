// SPDX-License-Identifier: Apache-2.0
// What a history answers.
#pragma once

#include <sockscope/error.h>
#include <sockscope/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/rows.h"

namespace sockscope::store {

// Unix time.
struct Range {
  std::uint64_t from_ns = 0;
  std::uint64_t to_ns = UINT64_MAX;
};

// What one process exchanged with one remote end in a range: the sum of its connections. Of those
// that it accepted the port is its own, and all ports of a client are one remote end.
struct Edge {
  Flow flow;  // protocol, direction, netns, owner with its process, remote, remote_name; local only
              // has a port
  std::uint64_t connections = 0;
  std::uint64_t failed = 0;
  int error = 0;  // of the last failure
  Moved moved;
  std::uint64_t srtt_us = 0;  // mean over its intervals and connections; 0: not measured
  bool has_counters = false;  // of some of its connections it is known what they moved
  std::uint64_t first_ns =
      0;  // Unix time of the first and the last that is known of it in the range
  std::uint64_t last_ns = 0;
};

// The remote end's port, or our own if we accepted.
inline std::uint16_t port_of(const Flow& flow) noexcept {
  return flow.direction == Direction::kInbound ? flow.local.port : flow.remote.port;
}

// A time of which nothing, or not everything, is known.
struct Missing {
  std::uint64_t from_ns = 0;  // Unix time
  std::uint64_t to_ns = 0;
  std::string reason;
  std::uint64_t count = 0;  // of events or rows; 0: not known
};

struct Answer {
  std::vector<Edge> edges;              // in no order
  std::vector<Missing> missing;         // in the order of time
  std::vector<std::string> unreadable;  // files, each with the reason
};

// Reads all files that have something of the range. wanted: of two edges that differ only in
// process, one may be wanted and the other not; null: all. Errors: kIo, when there is no history.
Result<Answer> ask(const std::string& path, const Range& range,
                   const std::function<bool(const Flow&)>& wanted);

// What a file is about.
struct FileFacts {
  std::string path;
  std::string host;
  std::string boot_id;
  std::string program;
  std::uint64_t bytes = 0;
  std::uint64_t began_ns = 0;       // Unix time
  std::uint64_t ended_ns = 0;       // of the last row, or of its end
  std::uint64_t began_mono_ns = 0;  // the same of CLOCK_MONOTONIC
  std::uint64_t ended_mono_ns = 0;
  bool is_complete = false;  // its recorder ended it
  std::uint64_t interval_ns = 0;
  std::uint64_t flows = 0;
  std::uint64_t deltas = 0;
  std::uint64_t failures = 0;
  std::uint64_t gaps = 0;
  std::string problem;  // why it cannot be read, or what is wrong with it; empty: nothing
};
// deeply: also checks every page, and that deltas and totals agree.
Result<std::vector<FileFacts>> facts_of(const std::string& path, bool deeply);

}  // namespace sockscope::store
