// SPDX-License-Identifier: Apache-2.0
// Snapshots and events as JSON; docs/json-format.md describes every field. Integers are written as
// integers, what is not known as null; text is always valid UTF-8, whatever its bytes were.
#pragma once

#include <sockscope/alert.h>
#include <sockscope/event.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/timestamp.h"
#include "model/story.h"

namespace sockscope {

inline constexpr std::string_view kTraceSchema = "sockscope.trace.v1";
inline constexpr std::string_view kTraceExcerptSchema = "sockscope.trace-excerpt.v1";
inline constexpr std::string_view kSnapshotSchema = "sockscope.snapshot.v1";
inline constexpr std::string_view kExcerptSchema = "sockscope.excerpt.v1";
inline constexpr std::string_view kCountsSchema = "sockscope.counts.v1";

struct HostId {
  std::string name;
  std::string boot_id;
};

// Appends one line of JSON per call to `out`, including its newline.
class EventWriter {
 public:
  // mono_to_wall_ns: what to add to the events' times; should be renewed from time to time.
  // `members`: what events say of their connection and process, in the form that MemberFilter
  // takes. Empty: everything. What else they say is not affected.
  explicit EventWriter(std::int64_t mono_to_wall_ns, std::vector<std::string> members = {});
  ~EventWriter();
  void set_clock_offset(std::int64_t mono_to_wall_ns) { mono_to_wall_ns_ = mono_to_wall_ns; }

  void start(const HostId& host, std::uint64_t wall_ns, Source source,
             const std::vector<Door>& doors, std::string& out);
  void event(const Event& event, std::string& out);
  void story(const Story& story, std::string& out);
  void alert(const Alert& alert, std::string& out);  // about its latest phase
  void end(std::uint64_t wall_ns, std::uint64_t events, const Loss& lost, std::string& out);

 private:
  struct Line;
  std::uint64_t to_wall(std::uint64_t mono_ns) const {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(mono_ns) + mono_to_wall_ns_);
  }

  std::int64_t mono_to_wall_ns_;
  std::vector<std::string> members_;
  std::unique_ptr<Line> line_;
};

// The part of a snapshot to write: the rows of one kind, and the members of these rows in the form
// that MemberFilter takes. Without names: all members.
struct Excerpt {
  enum class Rows : std::uint8_t { kFlows, kProcesses };
  Rows rows = Rows::kFlows;
  std::vector<std::string> members;
};

// Hands the document over in pieces of some 64 KiB, so that a host with many sockets needs no
// memory for all of it. The last piece ends with a newline. `pretty`: indented, for people.
// `excerpt`: null writes the whole snapshot.
using WriteText = std::function<void(std::string_view)>;
void write_snapshot_json(const Snapshot& snapshot, const HostId& host, bool pretty,
                         const WriteText& write, const Excerpt* excerpt = nullptr);

// How many rows have these values in the columns; monostate: not known. Texts may have hostile
// bytes.
struct RowCount {
  using Value = std::variant<std::monostate, std::uint64_t, double, std::string>;
  std::uint64_t rows = 0;
  std::vector<Value> values;
};
void write_counts_json(const Snapshot& counted, const HostId& host,
                       std::span<const std::string_view> columns, std::span<const RowCount> counts,
                       bool pretty, const WriteText& write);

}  // namespace sockscope
