// SPDX-License-Identifier: Apache-2.0
// The cells of rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tui/table_layout.h"
#include "view/columns.h"

namespace sockscope::tui {

CellText flow_cell(const Model& model, const State& state, const Flow& flow,
                   const PlacedColumn& column);

// The remote end of an event's connection, as flow_cell() has it but for the process at the other
// end: of what is over it is not known any more.
CellText event_remote(const Model& model, const State& state, const Flow& flow, std::size_t width);

// What a process's row shows beyond its own figures; made once per frame.
struct ProcessQuality {
  std::uint32_t p95_us = 0;  // of the smoothed round trip times of its open connections; 0: none
  std::optional<double> retransmit_share;  // of the segments its open connections sent
};
// Of its whole time, or since the totals were reset.
Volume volume_of(const State& state, const Process& process);
Volume volume_of(const State& state, const Flow& flow);
CellText process_cell(const Model& model, const State& state, const Process& process,
                      const ProcessQuality& quality, const PlacedColumn& column);

// Of a group or a remote end; empty: it has no such figure, monostate: it is not known.
std::optional<CellValue> sum_value(ColumnId column, const Sum& sum);
CellText sum_cell(const State& state, const Sum& sum, ColumnId column);

// What a remote end is called on the screen.
const std::string& remote_end_name(const State& state, const Sum& sum);

// What the kernel knows of it now. Null: nobody asked, it did not tell, or the screen shows the
// past.
const TcpInternals* internals_of(const Model& model, const State& state, const Flow& flow);

// The connections on the screen of which it shows TCP internals, by cookie: no more than it has
// rows. Of the listing that arrange() made.
std::vector<std::uint64_t> looked_into(const State& state);

// "127.0.0.1:8080 (java 15530)": the remote end, and who has it when it is a connection of the same
// network namespace. Cleaned.
std::string remote_text(const Model& model, const State& state, const Flow& flow);

// The text of a connection's local end, remote end, age, namespace: for the line of the selected
// row.
std::string flow_line(const Model& model, const State& state, const Flow& flow);

// Its container, else systemd's unit; "": neither. Hostile bytes possible.
std::string_view place_name(const ProcessInfo& process);
// The same as a cell; null: nothing is known of the process.
CellText place_cell(const ProcessInfo* process, const PlacedColumn& column);

CellOptions cell_options(const Model& model, const State& state);

}  // namespace sockscope::tui
