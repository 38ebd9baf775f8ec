// SPDX-License-Identifier: Apache-2.0
// The rows of the view on the screen, and the moment that they are of.
#pragma once

#include <cstddef>

#include "tui/model.h"
#include "tui/state.h"

namespace sockscope::tui {

// The sample on the screen. There must be one.
std::size_t shown_index(const Model& model, const State& state);
const Sample& shown_sample(const Model& model, const State& state);

// The reading of the host that goes with it; empty: there was none by then.
std::optional<std::size_t> reading_index(const Model& model, const State& state);

// Makes the listing of the view that is shown, keeps the selection on the row it was on, and the
// cursor on the screen. `visible`: rows that fit. now_ns: CLOCK_MONOTONIC.
void arrange(const Model& model, State& state, std::size_t visible, std::uint64_t now_ns);

// Null: it is too old to be kept.
const Alert* find_alert(const Model& model, const RowKey& key);

// Of a row that is a connection.
const Flow& flow_of(const Model& model, const State& state, const Row& row);
// As the screen has it; null: it was not there then, nor opened since.
const Flow* find_shown_flow(const Model& model, const State& state, std::uint64_t cookie);
// When it was as the screen has it; CLOCK_MONOTONIC.
std::uint64_t moment_of(const Model& model, const State& state, const Flow& flow);

// How long it has been open then, or was; empty: it is older than this program.
std::optional<std::uint64_t> age_us(const Model& model, const State& state, const Flow& flow);

// Whether it is of the process or remote end whose connections alone are shown.
bool in_scope(const State& state, const Flow& flow);
// Of one process all connections are shown, as below the list of processes.
inline bool has_process_scope(const State& state) {
  return state.scope.of.kind == RowKey::Kind::kProcess;
}

bool is_loopback(const Flow& flow);

}  // namespace sockscope::tui
