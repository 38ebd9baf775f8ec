// SPDX-License-Identifier: Apache-2.0
// What the user has chosen to see, and where the cursor is. Keys change it, views read it.
#pragma once

#include <sockscope/alert.h>
#include <sockscope/host.h>
#include <sockscope/types.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "tui/grid.h"
#include "tui/history.h"
#include "tui/key_map.h"
#include "tui/opened_since.h"
#include "tui/plot.h"
#include "tui/views.h"
#include "view/column_id.h"
#include "view/filter.h"

namespace sockscope::tui {

// What a row is about. It stays the same while rows come, go and move.
struct RowKey {
  enum class Kind : std::uint8_t {
    kNone,
    kProcess,
    kFlow,
    kHost,
    kEvent,
    kPlace,
    kInterface,
    kAlert,
    kUnobserved
  };
  Kind kind = Kind::kNone;
  bool is_group = false;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint64_t c = 0;
  auto operator<=>(const RowKey&) const = default;

  static RowKey of(ProcessId id) { return {Kind::kProcess, false, id.pid, id.start_ns, 0}; }
  static RowKey of(const Flow& flow) { return {Kind::kFlow, false, flow.cookie, 0, 0}; }
  static RowKey of(const Address& address);
  static RowKey of_place(std::string_view name) {
    return {Kind::kPlace, false, std::hash<std::string_view>{}(name), name.size(), 0};
  }
  static RowKey of(const Interface& interface) {
    return {Kind::kInterface, false, interface.index, 0, 0};
  }
  static RowKey of(const Alert& alert) {
    return {Kind::kAlert, false, std::hash<std::string_view>{}(alert.key), alert.first_ns, 0};
  }
  static RowKey of(const Door& unobserved) {
    return {Kind::kUnobserved, false, static_cast<std::uint64_t>(unobserved.observation), 0, 0};
  }
  static RowKey of_event(std::uint64_t number) { return {Kind::kEvent, false, number, 0, 0}; }
  ProcessId process() const { return {static_cast<std::uint32_t>(a), b}; }
  bool exists() const noexcept { return kind != Kind::kNone; }
};

struct Row {
  RowKey key;
  // The place of a process or flow in the history, of a flow among those opened since, of an
  // interface in its reading, of a group or host among the sums, of an alert among those of the
  // model; 0 for an event.
  std::uint32_t index = 0;
  std::uint8_t depth = 0;
  bool is_parent = false;  // deeper rows follow, unless it is folded
  char mark = ' ';         // '+' new, 'x' closed
  bool idle = false;
  bool is_later = false;  // a flow of State::opened, opened after the moment that is shown
};

// What a row moved over a longer time than the last interval.
struct Lately {
  bool moved = false;  // it moved bytes within the time that closed rows are kept
  // Average bytes per second in both directions; empty: not known for that long, or not shown.
  std::optional<double> rate_10s = {};
  std::optional<double> rate_60s = {};

  void add(const Lately& part) {
    moved = moved || part.moved;
    for (const auto mean : {&Lately::rate_10s, &Lately::rate_60s})
      if (part.*mean) this->*mean = (this->*mean).value_or(0) + *(part.*mean);
  }
};

// A remote end, or a group of connections.
struct Sum {
  RowKey key;
  std::string name;
  std::string remote_name;  // for a remote end: its latest name in DNS, cleaned
  std::uint32_t pid = 0;
  std::uint32_t flows = 0;
  std::set<ProcessId> processes;
  std::optional<std::uint32_t> failures;    // recent ones, for a remote end or a name; empty: not
                                            // known
  std::optional<std::uint32_t> process;     // place in the history; empty: without sockets, or no
                                            // process
  std::shared_ptr<const ProcessInfo> info;  // for a process
  double retransmit_rate = 0;
  double rx_rate = 0;
  double tx_rate = 0;
  Lately lately;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t retransmits = 0;
  std::uint64_t srtt_sum_us = 0;
  std::uint32_t srtt_count = 0;
  std::uint32_t srtt_us() const {
    return srtt_count == 0 ? 0 : static_cast<std::uint32_t>(srtt_sum_us / srtt_count);
  }
};

// The rows of a view, in order. arrange() makes it.
struct Listing {
  std::vector<Row> rows;
  std::vector<Sum> sums;
  std::size_t candidates = 0;  // how many rows before the filter
  std::size_t matching = 0;    // how many rows match the filter
  std::size_t idle_hidden = 0;
  std::size_t loopback_hidden = 0;
  std::size_t later = 0;  // how many rows at the end were opened after the moment that is shown
};

// When the rows of a list may move. After the cursor moved they stay in place for a while, so that
// nobody acts on a row that has just moved away. Times are CLOCK_MONOTONIC.
class RowOrder {
 public:
  // Orders rows anew once, in the next frame, even while they are held.
  void renew() { is_stale_ = true; }
  // Orders rows anew in the next frame, and holds them no longer.
  void release() {
    is_stale_ = true;
    held_until_ns_ = 0;
  }
  void hold(std::uint64_t now_ns) { held_until_ns_ = now_ns + kHold; }
  // Whether rows stay in place in the frame that is made now, of the sample of that time.
  bool keeps_places(std::uint64_t now_ns, std::uint64_t sample_ns);
  // 0: not held.
  std::uint64_t held_seconds(std::uint64_t now_ns) const {
    return now_ns < held_until_ns_ ? (held_until_ns_ - now_ns) / kSecond + 1 : 0;
  }
  bool was_held() const { return held_until_ns_ > ordered_ns_; }

 private:
  static constexpr std::uint64_t kSecond = 1'000'000'000;
  static constexpr std::uint64_t kHold = 5 * kSecond;
  std::uint64_t held_until_ns_ = 0;
  std::uint64_t ordered_ns_ = 0;
  std::uint64_t ordered_sample_ns_ = 0;
  bool is_stale_ = true;
};

struct Table {
  RowKey selected;
  std::size_t position = 0;         // of the selected row
  bool touched = false;             // the cursor was moved; until then it stays on the first row
  std::size_t top = 0;              // the first row on the screen
  ColumnId sort = ColumnId::kNone;  // kNone: the view's own order
  bool reverse = false;
  RowOrder order;
  std::set<RowKey> collapsed;
  Listing listing;

  // Moves the cursor to that row, with which it then stays.
  void select(std::size_t row, std::uint64_t now_ns) {
    position = row;
    selected = listing.rows[row].key;
    touched = true;
    order.hold(now_ns);
  }
  // To be called when the list becomes another one.
  void start_over() {
    touched = false;
    top = 0;
    order.renew();
  }
  void sort_by(ColumnId column, bool reversed) {
    sort = column;
    reverse = reversed;
    order.release();
  }
};

enum class Grouping : std::uint8_t { kNone, kProcess, kRemote, kContainer, kTree };

enum class Overlay : std::uint8_t {
  kNone,
  kHelp,
  kSortPicker,
  kSignalMenu,
  kEventTypes,
  kOptions,
  kColumns,
  kConfirmReset,
};

enum class PromptKind : std::uint8_t { kNone, kFilter, kTime, kInterval, kFile };

struct Prompt {
  PromptKind kind = PromptKind::kNone;
  std::string text;
  std::string before;  // what to return to
  std::string error;
};

struct Settings {
  Units units = Units::kBits;
  bool idle = false;
  bool closed = true;
  bool loopback = false;
  bool names = true;  // show names of remote ends where DNS gave one
  bool port_names = false;
  Grouping grouping = Grouping::kNone;          // of connections; never kTree
  Grouping process_grouping = Grouping::kNone;  // kNone, kContainer, kTree
  std::uint32_t window_s = 60;
  bool ascii = false;
  PlotStyle plot = PlotStyle::kBraille;
  bool own_scales = false;  // each plot in a table has its own scale
  bool read_only = false;
  std::uint64_t interval_ms = 1000;
  std::string theme = "default";
};

struct SignalChoice {
  ProcessId target;
  std::string name;
  std::size_t picked = 0;
  bool confirming = false;
};

struct Volume {
  std::uint64_t rx = 0;
  std::uint64_t tx = 0;
};

// Limits the list to the connections of one process or one host.
struct Scope {
  RowKey of;
  std::string name;
  const View* from = nullptr;  // the view in which it was chosen
  bool exists() const noexcept { return of.exists(); }
};

struct State {
  Size size;
  const View* view = &kProcessesView;
  std::vector<const View*> back;
  std::array<Table, kViews.size()> tables;  // one for each view, in the same order
  RowKey process;           // shown in the process details, and in the pane below the list of
                            // processes
  bool in_pane = false;     // the cursor is in the pane, if there is room for it
  RowKey connection;        // shown in the connection details
  std::uint64_t event = 0;  // the event that the details were opened from; 0: none
  RowKey alert;             // shown in the alert details
  std::shared_ptr<const Alert> opened_alert;  // the same, as it was when they were opened
  Scope scope;

  std::uint64_t frozen_sample = 0;  // number of the sample; 0: live
  std::uint64_t frozen_event = 0;   // the last event at that moment
  OpenedSince opened;  // collects while the screen shows the frozen sample, not one stepped to

  std::string filter_text;
  FlowFilter filter;
  FlowFilter::UserLookup lookup_user = nullptr;
  std::uint32_t hidden_events = 0;  // one bit per EventKind
  bool follow_events = true;

  Prompt prompt;
  Overlay overlay = Overlay::kNone;
  std::size_t overlay_row = 0;
  std::size_t overlay_top = 0;
  SignalChoice signal;
  std::string message;
  std::uint64_t message_until_ns = 0;
  Settings settings;
  std::vector<ColumnId> asked_columns;  // columns of TcpInternals that the user picked
  KeyMap keys;
  // What had been counted when the totals were reset; it is subtracted.
  std::map<ProcessId, Volume> process_base;
  std::map<std::uint64_t, Volume> flow_base;  // by cookie

  Table& table_of(const View& of) { return tables[number_of(of)]; }
  const Table& table_of(const View& of) const { return tables[number_of(of)]; }
  Table& table() { return table_of(*view); }
  const Table& table() const { return table_of(*view); }
  bool is_frozen() const noexcept { return frozen_sample != 0; }
  // Orders the rows of every list anew.
  void release_order() {
    for (Table& each : tables) each.order.release();
  }
};

// Whether the list of another view is shown below that of the view on the screen: connections of
// the selected process.
bool has_pane(const State& state);
// The view whose list the cursor is in.
const View& focused_view(const State& state);
inline Table& focused_table(State& state) {
  return state.table_of(focused_view(state));
}
// These two look at the view on the screen and at the view in its pane.

// How the rows of the view on the screen are grouped.
Grouping grouping_of(const State& state);

// What the list of a view is ordered by; kNone: its rows have their own order.
ColumnId sort_of(const State& state, const View& view);

}  // namespace sockscope::tui
