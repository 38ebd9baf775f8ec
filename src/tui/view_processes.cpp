// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "base/timestamp.h"
#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/wide_panes.h"

namespace sockscope::tui {
namespace {

constexpr ColumnSpec kColumns[] = {
    {"pid", "PID", 7, false, 60},
    {"comm", "COMMAND", 9, true, 0, 40, 30},
    {"comm", "COMMAND", 14, true, 40, 60, 30},
    {"comm", "COMMAND", 15, true, 60, INT32_MAX, 28},
    {"uid", "USER", 8, true, 90},
    {"unit", "UNIT / CONTAINER", 16, true, 114, INT32_MAX, 26},
    {"conns", "CONNS", 5, false, 60},
    {"rate", "RX+TX", 8, false, 20, 40},
    {"rate", "RX+TX/s", 8, false, 100},
    {"rx_rate", "↓RX/s", 7, false, 40, 60},
    {"tx_rate", "↑TX/s", 7, false, 40, 60},
    {"rx_rate", "↓RX/s", 8, false, 60},
    {"tx_rate", "↑TX/s", 8, false, 60},
    {"rx_bytes", "RX TOTAL", 9, false, 134},
    {"tx_bytes", "TX TOTAL", 9, false, 134},
    {"rtt", "RTT", 6, false, 40, 60},
    {"rtt", "RTT ms", 7, false, 60},
    {"p95", "p95", 6, false, 142, INT32_MAX, 0, false},
    {"retr_rate", "RETR/s", 6, false, 64},
    {"retr_share", "RETR%", 6, false, 149, INT32_MAX, 0, false},
    {"spark", "60 s (rx+tx)", 15, true, 80, INT32_MAX, 30, false},
};

std::map<ProcessId, ProcessQuality> qualities(const Model& model, const State& state) {
  struct Gathered {
    std::vector<std::uint32_t> rtts;
    std::uint64_t segments = 0;
    std::uint64_t retransmits = 0;
  };
  std::map<ProcessId, Gathered> gathered;
  for (const std::uint32_t index : shown_sample(model, state).flows) {
    const Flow& flow = model.history.flow(index);
    if (flow.closed || flow.protocol != Protocol::kTcp) continue;
    Gathered& of = gathered[owner_of(flow)];
    if (flow.counters.srtt_us != 0) of.rtts.push_back(flow.counters.srtt_us);
    of.segments += flow.counters.tx_segments;
    of.retransmits += flow.counters.retransmits;
  }
  std::map<ProcessId, ProcessQuality> out;
  for (auto& [id, of] : gathered) {
    ProcessQuality& quality = out[id];
    if (!of.rtts.empty()) {
      const std::size_t at = (of.rtts.size() * 95 + 99) / 100 - 1;
      std::nth_element(of.rtts.begin(), of.rtts.begin() + static_cast<std::ptrdiff_t>(at),
                       of.rtts.end());
      quality.p95_us = of.rtts[at];
    }
    if (of.segments != 0)
      quality.retransmit_share =
          static_cast<double>(of.retransmits) / static_cast<double>(of.segments);
  }
  return out;
}

// The selected process, on the line below the list.
void draw_detail(const Model& model, const State& state, int y, Screen& screen) {
  const Table& table = state.table();
  const Process* process =
      table.selected.exists()
          ? model.history.find_process(shown_sample(model, state), table.selected.process())
          : nullptr;
  if (process == nullptr) return;
  const int columns = screen.grid.size().columns;
  if (process->pid == 0) {
    screen.grid.put(1, y, "[unattributed]  sockets whose process is not known: opened before "
                          "sockscope, or closed since", {}, columns);
    return;
  }
  std::string left = fmt::format("{} {}", process->name(), process->pid);
  std::string right;
  if (const ProcessInfo* info = process->info.get(); info != nullptr) {
    if (!info->cmdline().empty()) left += "  " + std::string(info->cmdline());
    right = clean_text(place_name(*info));
  }
  int end = columns;
  if (!right.empty())
    end = screen.grid.put_right(columns, y, shorten_right(right, static_cast<std::size_t>(columns) / 3),
                                {Role::kDim}) - 2;
  screen.grid.put(1, y, shorten_right(clean_text(left), static_cast<std::size_t>(std::max(end - 1, 1))));
}

}  // namespace

std::span<const ColumnSpec> process_columns() { return kColumns; }

void draw_processes(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  const bool has_panes = frame.plot_rows > 1;
  if (has_panes)
    draw_host_panes(model, state, frame, screen);
  else
    draw_plot_line(model, state, frame, screen);
  const auto quality = screen.grid.size().columns >= 142 ? qualities(model, state)
                                                          : std::map<ProcessId, ProcessQuality>();
  static const ProcessQuality kUnknown;
  draw_list(state, frame, kColumns,
            [&](const Row& row, const PlacedColumn& column) {
              const Process& process = model.history.process(row.index);
              const auto found = quality.find(id_of(process));
              return process_cell(model, state, process,
                                  found == quality.end() ? kUnknown : found->second, column);
            },
            screen);
  const Listing& listing = state.table().listing;
  std::string status = fmt::format("{} of {} processes", listing.rows.size(), listing.candidates);
  if (listing.idle_hidden != 0)
    status += fmt::format(" · {} idle hidden (o shows all)", listing.idle_hidden);
  if (const std::string held = held_text(model, state); !held.empty()) status += " · " + held;
  draw_status(state, frame, status, screen);
  if (frame.detail >= 0) draw_detail(model, state, frame.detail, screen);
  if (frame.pane >= 0) draw_process_panes(model, state, frame, screen);
}

}  // namespace sockscope::tui
