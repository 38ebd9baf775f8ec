// SPDX-License-Identifier: Apache-2.0
// Snapshots and events as JSON; docs/json-format.md describes every field. Integers are integers,
// what is not known is null, text is UTF-8 whatever the bytes were.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sockscope/types.h>

#include "base/timestamp.h"

namespace sockscope {

inline constexpr std::string_view kTraceSchema = "sockscope.trace.v1";
inline constexpr std::string_view kSnapshotSchema = "sockscope.snapshot.v1";

struct HostId {
  std::string name;
  std::string boot_id;
};

// One line of JSON per call, newline included, appended to `out`.
class EventWriter {
 public:
  // mono_to_wall_ns: what to add to the events' times; set it anew from time to time.
  explicit EventWriter(std::int64_t mono_to_wall_ns) : mono_to_wall_ns_(mono_to_wall_ns) {}
  void set_clock_offset(std::int64_t mono_to_wall_ns) { mono_to_wall_ns_ = mono_to_wall_ns; }

  void start(const HostId& host, std::uint64_t wall_ns, const std::vector<Door>& doors,
             std::string& out);
  void event(const Event& event, std::string& out);
  void end(std::uint64_t wall_ns, std::uint64_t events, const Loss& lost, std::string& out);

 private:
  std::int64_t mono_to_wall_ns_;
  Rfc3339 rfc3339_;
};

// The document, without a newline at its end. `pretty`: for people.
std::string snapshot_json(const Snapshot& snapshot, const HostId& host, bool pretty);

}  // namespace sockscope
