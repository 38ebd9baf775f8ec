// SPDX-License-Identifier: Apache-2.0
// Turns keys into the next state. Pure: what must be done outside is returned as effects.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tui/key.h"
#include "tui/model.h"
#include "tui/screen.h"
#include "tui/state.h"
#include "tui/view.h"

namespace sockscope::tui {

struct Effect {
  enum class Kind : std::uint8_t {
    kQuit,
    kSuspend,
    kRedraw,
    kCopy,       // text
    kWriteJson,  // text: the contents of the file
    kSignal,     // process, number
    kInterval,   // settings.interval_ms has changed
    kTheme,      // settings.theme has changed
  };
  Kind kind = Kind::kRedraw;
  std::string text;
  ProcessId process;
  int number = 0;
};

// now_ns: CLOCK_MONOTONIC. `screen`: the one the user saw, for the mouse.
std::vector<Effect> handle_key(const Key& key, const Model& model, const Screen& screen,
                               std::uint64_t now_ns, State& state);

// Shows a short message to the user for a few seconds.
void say(State& state, std::string message, std::uint64_t now_ns);

struct SignalName {
  int number;
  std::string_view name;
  std::string_view meaning;
};
// SIGTERM comes first.
std::span<const SignalName> signal_names();

// The columns that the sort picker offers: those on the screen, in the same order.
std::vector<ColumnId> sort_choices(const State& state);

// Parses "14:02", "14:02:30", "yesterday 9:00", "2026-11-20 9:00", "-5m", "-90s", "-1h" into Unix
// nanoseconds, relative to now. A time without a day that would be in the future means yesterday.
std::optional<std::uint64_t> parse_time(std::string_view text, std::uint64_t now_wall_ns);

// These handle the keys of prompts and overlays; true: the key was handled.
bool handle_prompt(const Key& key, const Model& model, State& state, std::vector<Effect>& effects);
bool handle_overlay(const Key& key, const Model& model, const Screen& screen, std::uint64_t now_ns,
                    State& state, std::vector<Effect>& effects);

// What is copied for a row of a list, or for the connection whose details are shown; null: no row.
// Cleaned; empty: nothing.
std::string text_of(const Model& model, const State& state, const Table& table, const Row* row);

// Lines of the options overlay.
struct OptionLine {
  std::string name;
  std::string value;
};
std::vector<OptionLine> option_lines(const State& state);
// Lines of the help of a view.
HelpLines help_lines(const Model& model, const State& state);

}  // namespace sockscope::tui
