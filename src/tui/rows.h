// SPDX-License-Identifier: Apache-2.0
// The rows of the view on the screen, and the moment that they show.
#pragma once

#include <cstddef>

#include "tui/model.h"
#include "tui/state.h"
#include "view/flow_totals.h"

namespace sockscope::tui {

// The sample on the screen. There must be one.
std::size_t shown_index(const Model& model, const State& state);
const Sample& shown_sample(const Model& model, const State& state);

// What moves at that moment: on the whole host or, where a filter or a list of one process or
// remote end is on the screen, of the connections that it selects.
FlowTotals shown_totals(const Model& model, const State& state);

// The reading of the host that goes with it; empty: there was none by then.
std::optional<std::size_t> reading_index(const Model& model, const State& state);

// Makes the listing of the view on the screen. The selection stays on its row, and the cursor on
// the screen. `visible`: how many rows fit. now_ns: CLOCK_MONOTONIC.
void arrange(const Model& model, State& state, std::size_t visible, std::uint64_t now_ns);

// Null: it is older than what is kept.
const Alert* find_alert(const Model& model, const RowKey& key);

// An empty connection with the process and the remote end of the alert.
Flow flow_of(const Alert& alert);
// The connection of a row that has one.
const Flow& flow_of(const Model& model, const State& state, const Row& row);
// The connection as the screen shows it; null: it did not exist at that moment, and was not opened
// since.
const Flow* find_shown_flow(const Model& model, const State& state, std::uint64_t cookie);
// The moment at which the connection is shown; CLOCK_MONOTONIC.
std::uint64_t moment_of(const Model& model, const State& state, const Flow& flow);

// How long it has been open at that moment, or was open; empty: it is older than this program.
std::optional<std::uint64_t> age_us(const Model& model, const State& state, const Flow& flow);

// Whether the flow belongs to the process or remote end that the list is limited to.
bool in_scope(const State& state, const Flow& flow);
// True when the list is limited to one process, and so shows all its connections, like the pane
// below the list of processes.
inline bool has_process_scope(const State& state) {
  return state.scope.of.kind == RowKey::Kind::kProcess;
}

bool is_loopback(const Flow& flow);

}  // namespace sockscope::tui
