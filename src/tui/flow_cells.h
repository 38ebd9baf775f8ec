// SPDX-License-Identifier: Apache-2.0
// The cells of rows of connections and processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/place.h"
#include "tui/table_layout.h"
#include "view/columns.h"

namespace sockscope::tui {

// The time over which a column of rates is averaged; empty: the last interval.
constexpr std::optional<std::uint64_t> mean_span(ColumnId column) {
  if (column == ColumnId::kRate10s) return 10'000'000'000;
  if (column == ColumnId::kRate60s) return 60'000'000'000;
  return std::nullopt;
}

CellText flow_cell(const Model& model, const State& state, const Flow& flow,
                   const PlacedColumn& column);

// The remote end of an event's connection, as in flow_cell() but without the process at the other
// end, because for a closed connection that is no longer known.
CellText event_remote(const Model& model, const State& state, const Flow& flow, std::size_t width);

// What a process's row shows in addition to its own figures; computed once per frame.
struct ProcessQuality {
  std::uint32_t p95_us = 0;  // of the smoothed round trip times of its open connections; 0: none
  std::optional<double> retransmit_share;  // share of the segments that its open connections sent
  double segments = 0;                     // how many they sent
};
// Since its beginning, or since the totals were reset.
Volume volume_of(const State& state, const Process& process);
Volume volume_of(const State& state, const Flow& flow);
CellText process_cell(const Model& model, const State& state, const Process& process,
                      const ProcessQuality& quality, const PlacedColumn& column);

// For a group or a remote end. Empty: it has no such figure; monostate: not known.
std::optional<CellValue> sum_value(ColumnId column, const Sum& sum);
CellText sum_cell(const State& state, const Sum& sum, ColumnId column);

// The name of a remote end on the screen.
const std::string& remote_end_name(const State& state, const Sum& sum);

// What the kernel knows of the connection now. Null: it was not asked, did not answer, or the
// screen shows the past.
const TcpInternals* internals_of(const Model& model, const State& state, const Flow& flow);

// The cookies of the connections whose TCP internals are shown: at most as many as the screen has
// rows. Uses the listing that arrange() made.
std::vector<std::uint64_t> looked_into(const State& state);

// "127.0.0.1:8080 (java 15530)": the remote end, and its process if that is on this host. Cleaned.
std::string remote_text(const Flow& flow);

// A connection's local end, remote end, age and namespace, for the line about the selected row.
std::string flow_line(const Model& model, const State& state, const Flow& flow);

// place_name() as a cell; null: nothing is known of the process.
CellText place_cell(const ProcessInfo* process, const PlacedColumn& column);

// "host"; "own": the namespace of sockscope, if it is not known to be the host's; else the number.
std::string netns_text(const Model& model, std::uint32_t netns);

CellOptions cell_options(const Model& model, const State& state);

}  // namespace sockscope::tui
