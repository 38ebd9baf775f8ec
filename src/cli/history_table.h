// SPDX-License-Identifier: Apache-2.0
// The parts of which answers of a history are made.
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/history_text.h"
#include "format/json_buffer.h"
#include "format/json_fields.h"

namespace sockscope {

inline constexpr std::string_view kNotKnown = "—";

// "2026-11-30 14:03:22", local time.
std::string history_moment(std::uint64_t wall_ns);

// Cells about a flow of an edge; "—": not known.
const ProcessInfo* history_process(const Flow& flow);
std::string history_command(const Flow& flow);
std::string history_user(const Flow& flow);
std::string history_place(const Flow& flow);   // unit or container
std::string history_remote(const Flow& flow);  // "→ 203.0.113.7:443", "← 203.0.113.7 :22"
std::string history_name(const Flow& flow);

// A table of texts. Columns in `right` are aligned to the right.
class TextTable {
 public:
  TextTable(std::vector<std::string> heading, std::vector<std::size_t> right)
      : right_(std::move(right)) {
    rows_.push_back(std::move(heading));
  }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void write(const WritePiece& write) const;

 private:
  std::vector<std::size_t> right_;
  std::vector<std::vector<std::string>> rows_;
};

void write_missing(const std::vector<store::Missing>& missing, const WritePiece& write);

using HistoryFields = json::Fields<json::Writer<json::Buffer>>;
inline constexpr std::string_view kHistorySchema = "sockscope.history.v1";
inline constexpr std::string_view kDiffSchema = "sockscope.diff.v1";
// Writes a document of this schema; write() adds its members.
void write_history_document(const WritePiece& to, std::string_view schema,
                            const std::function<void(HistoryFields&)>& write);
void write_history_time(HistoryFields& fields, std::string_view key, std::uint64_t wall_ns);
void write_history_flow(HistoryFields& fields, const Flow& flow);
void write_missing_json(HistoryFields& fields, const std::vector<store::Missing>& missing);

}  // namespace sockscope
