// SPDX-License-Identifier: Apache-2.0
// What a view of top is: everything that the rest of the program asks of it.
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

// "?help", "Space freeze", "j/k next/prev": keys are highlighted; a click stands for the first one.
struct FooterKey {
  Action action;
  std::string_view text = {};        // empty: the text of ActionSpec
  std::optional<Action> other = {};  // "+/-"
};

// A key or sign with its meaning; without a meaning it is a heading.
using HelpLines = std::vector<std::pair<std::string, std::string>>;

struct View {
  // Its key, as ActionSpec has it, and its tab; empty: the view is opened from a row.
  std::string_view name = {};
  std::string_view key = {};
  std::string_view meaning = {};
  std::string_view tab = {};
  std::string_view narrow_tab = {};

  // Its list; without columns it has none.
  std::span<const ColumnSpec> columns = {};
  ColumnId (*order)(Size) = nullptr;       // initial order; null: its rows have their own order
  std::string_view counted = "conns";      // what its rows are called: "3 of 5 conns"
  Grouping Settings::*grouping = nullptr;  // null: its rows are not grouped
  std::span<const Grouping> groupings = {};
  bool follows_newest = false;  // the cursor stays on the first row until it is moved
  bool has_tcp_columns =
      false;  // lists connections, with the columns of TcpInternals that the user picked
  bool shows_events = false;         // is drawn again when events come
  bool shows_host = false;           // is about the host, not about its connections
  const View* pane = nullptr;        // the view whose list is shown below this one's, if there is
                                     // room
  RowKey State::*subject = nullptr;  // what it shows the details of

  std::span<const FooterKey> footer = {};
  HelpLines (*help)(const State&) = nullptr;
  std::string (*crumbs)(const Model&, const State&) = nullptr;  // "▸ Procs ▸ nginx 21408"

  Frame (*frame)(Size) = nullptr;
  void (*arrange)(Arranger&) = nullptr;
  // Called only when there is a sample.
  void (*draw)(const Model&, const State&, const Frame&, Screen&) = nullptr;
  // What its key does instead of showing the whole view; false: nothing.
  bool (*open)(const Model&, State&) = nullptr;
  // Its contents as a document; called only when there is a sample.
  std::string (*json)(const Model&, const State&, const DocumentSource&) = write_filtered;

  bool is_detail() const noexcept { return tab.empty(); }
  // Whether it performs an action: some are done only in views that group, or that have them in
  // their footer.
  bool answers(Action action) const;
};

// The action that shows a view.
constexpr Action action_of(const View& view) {
  return static_cast<Action>(static_cast<std::size_t>(Action::kFirstView) + number_of(view));
}

// Whether its list shows columns of TcpInternals.
bool shows_tcp_internals(const State& state, const View& view);

}  // namespace sockscope::tui
