// SPDX-License-Identifier: Apache-2.0
// Snapshots and events as JSON; docs/json-format.md describes every field. Integers are integers,
// what is not known is null, text is UTF-8 whatever the bytes were.
#pragma once

#include <sockscope/alert.h>
#include <sockscope/event.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/timestamp.h"
#include "model/story.h"

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
  explicit EventWriter(std::int64_t mono_to_wall_ns);
  ~EventWriter();
  void set_clock_offset(std::int64_t mono_to_wall_ns) { mono_to_wall_ns_ = mono_to_wall_ns; }

  void start(const HostId& host, std::uint64_t wall_ns, Source source,
             const std::vector<Door>& doors, std::string& out);
  void event(const Event& event, std::string& out);
  void story(const Story& story, std::string& out);
  void alert(const Alert& alert, std::string& out);  // of its last phase
  void end(std::uint64_t wall_ns, std::uint64_t events, const Loss& lost, std::string& out);

 private:
  struct Line;
  std::uint64_t to_wall(std::uint64_t mono_ns) const {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(mono_ns) + mono_to_wall_ns_);
  }

  std::int64_t mono_to_wall_ns_;
  std::unique_ptr<Line> line_;
};

// Hands the document over in pieces of some 64 KiB, the last one with a newline at its end, so that
// a host with many sockets needs no memory for all of it. `pretty`: for people.
using WriteText = std::function<void(std::string_view)>;
void write_snapshot_json(const Snapshot& snapshot, const HostId& host, bool pretty,
                         const WriteText& write);

}  // namespace sockscope
