// SPDX-License-Identifier: Apache-2.0
// What a view of top is: all that the rest of the program asks of one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tui/frame.h"
#include "tui/key_map.h"
#include "tui/table_layout.h"
#include "tui/view_json.h"
#include "tui/views.h"

namespace sockscope::tui {

class Arranger;

// "?help", "Space freeze", "j/k next/prev": the keys are highlighted, a click is the first one's.
struct FooterKey {
  Action action;
  std::string_view text = {};        // empty: as ActionSpec has it
  std::optional<Action> other = {};  // "+/-"
};

// A key or sign, and what it means; without a meaning: a heading.
using HelpLines = std::vector<std::pair<std::string, std::string>>;

struct View {
  // Its key, as ActionSpec has it, and its tab; empty: it is opened from a row.
  std::string_view name = {};
  std::string_view key = {};
  std::string_view meaning = {};
  std::string_view tab = {};
  std::string_view narrow_tab = {};

  // Its list. No columns: there is none.
  std::span<const ColumnSpec> columns = {};
  ColumnId (*order)(Size) = nullptr;       // at first; null: its rows have an order of their own
  std::string_view counted = "conns";      // what its rows are: "3 of 5 conns"
  Grouping Settings::*grouping = nullptr;  // null: its rows are not grouped
  std::span<const Grouping> groupings = {};
  bool follows_newest = false;       // the cursor stays on the first row until it is moved
  bool shows_other_ends = false;     // of connections: which processes they are between
  bool shows_events = false;         // it is drawn anew when events come
  bool shows_host = false;           // it is about this host, not about its connections
  const View* pane = nullptr;        // its list stands below this one's, where there is room
  RowKey State::*subject = nullptr;  // whose details it shows

  std::span<const FooterKey> footer = {};
  HelpLines (*help)(const State&) = nullptr;
  std::string (*crumbs)(const Model&, const State&) = nullptr;  // "▸ Procs ▸ nginx 21408"

  Frame (*frame)(Size) = nullptr;
  void (*arrange)(Arranger&) = nullptr;
  // There is a sample.
  void (*draw)(const Model&, const State&, const Frame&, Screen&) = nullptr;
  // What its key does instead of showing it whole; false: nothing.
  bool (*open)(const Model&, State&) = nullptr;
  // What it shows as a document; there is a sample.
  std::string (*json)(const Model&, const State&, const DocumentSource&) = write_filtered;

  bool is_detail() const noexcept { return tab.empty(); }
  // Some actions are done in some views only: those that group, or have them in their footer.
  bool answers(Action action) const;
};

// What the key of a view does.
constexpr Action action_of(const View& view) {
  return static_cast<Action>(static_cast<std::size_t>(Action::kFirstView) + number_of(view));
}

// Whether the list has columns of TcpInternals on a screen of that size.
bool shows_tcp_internals(const View& view, Size size);

}  // namespace sockscope::tui
