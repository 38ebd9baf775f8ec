// SPDX-License-Identifier: Apache-2.0
#include "tui/app.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/timestamp.h"
#include "tui/frame.h"
#include "tui/rows.h"
#include "tui/view.h"

namespace sockscope::tui {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

bool has_connection(const Event& event) {
  return event.kind() != EventKind::kGap && event.kind() != EventKind::kAlert;
}

class Keys {
 public:
  Keys(const Model& model, const Screen& screen, std::uint64_t now_ns, State& state,
       std::vector<Effect>& effects)
      : model_(model), screen_(screen), now_(now_ns), state_(state), effects_(effects) {}

  void handle(const Key& key);

 private:
  // The list that the cursor is in.
  Table& table() { return focused_table(state_); }
  std::size_t count() { return table().listing.rows.size(); }

  void act(Action action);
  void open_overlay(Overlay overlay);
  // "key 4"; the action's name if no key is mapped to it.
  std::string hint(Action action) const;
  // Says which views perform the action, and their keys, between two texts.
  void say_where(Action action, std::string_view before, std::string_view after);
  void click(const Key& key);
  void move_to(std::size_t position);
  void move_by(std::int64_t rows);
  void switch_to(const View& view);
  void show(const View& view);
  void next_view(int step);
  void go(const View& view);
  void enter();
  void look_into(const Alert& alert);
  bool has_connections_with(const Address& remote) const;
  void back();
  void freeze(std::optional<std::uint64_t> sample);
  void live();
  void step(int samples);
  void sort_by(ColumnId column);
  void next_sort(int step);
  void regroup();
  void fold(char how);
  void neighbour(int step);
  void open_prompt(PromptKind kind, std::string text);
  void open_signal_menu();
  void copy();
  void zoom(bool in);
  void toggle(bool& setting, std::string_view on, std::string_view off);
  const Row* selected_row();
  void do_effect(Effect::Kind kind) { effects_.push_back({kind, {}, {}, 0}); }

  const Model& model_;
  const Screen& screen_;
  std::uint64_t now_;
  State& state_;
  std::vector<Effect>& effects_;
};

const Row* Keys::selected_row() {
  const auto& rows = table().listing.rows;
  return table().position < rows.size() ? &rows[table().position] : nullptr;
}

void Keys::move_to(std::size_t position) {
  if (count() == 0) return;
  Table& t = table();
  t.select(std::min(position, count() - 1), now_);
  t.touched = t.position != 0;
  if (!t.touched) t.order.release();  // the cursor stays on the first row, whatever that is
  if (state_.view->follows_newest) state_.follow_events = t.position == 0;
}

void Keys::move_by(std::int64_t rows) {
  const auto at = static_cast<std::int64_t>(table().position) + rows;
  // Moving away from the first row and back to it is a choice, too: the cursor must then stay with
  // its row.
  move_to(static_cast<std::size_t>(std::max<std::int64_t>(at, 0)));
}

void Keys::switch_to(const View& view) {
  state_.view = &view;
  state_.in_pane = false;
  state_.back.clear();
  state_.scope = {};
  table().order.release();
}

// Does what the view's key does.
void Keys::show(const View& view) {
  if (view.open == nullptr || !view.open(model_, state_)) switch_to(view);
}

void Keys::next_view(int step) {
  if (state_.view->is_detail()) return back();
  if (has_pane(state_)) {
    state_.in_pane = !state_.in_pane;
    return;
  }
  const auto at = static_cast<int>(number_of(*state_.view)) + step;
  const auto views = static_cast<int>(kMainViews.size());
  switch_to(*kMainViews[static_cast<std::size_t>((at + views) % views)]);
}

void Keys::back() {
  if (&focused_view(state_) != state_.view) {
    state_.in_pane = false;
  } else if (state_.scope.exists() && state_.view == &kConnectionsView) {
    state_.view = state_.scope.from;
    state_.scope = {};
    table().order.renew();
  } else if (!state_.back.empty()) {
    state_.view = state_.back.back();
    state_.back.pop_back();
    table().order.renew();
  } else if (!state_.filter_text.empty()) {
    state_.filter_text.clear();
    state_.filter = {};
    state_.release_order();
  } else if (state_.is_frozen()) {
    live();
  }
}

void Keys::go(const View& view) {
  state_.back.push_back(state_.view);
  state_.view = &view;
  table().start_over();
}

// Whether the list of connections would show any.
bool Keys::has_connections_with(const Address& remote) const {
  const auto& flows = shown_sample(model_, state_).flows;
  return std::any_of(flows.begin(), flows.end(), [&](std::uint32_t index) {
    const Flow& flow = model_.history.flow(index);
    return flow.remote.addr == remote && (!flow.closed || state_.settings.closed) &&
           (!is_loopback(flow) || state_.settings.loopback) && state_.filter.matches(flow);
  });
}

// Shows the process that causes it or, if another host does, the connections with that; if there
// is none of these, what the alert itself says.
void Keys::look_into(const Alert& alert) {
  const ProcessId id{alert.owner.pid, alert.owner.start_ns};
  if (id.pid != 0 && model_.history.find_process(shown_sample(model_, state_), id) != nullptr) {
    state_.process = RowKey::of(id);
    say(state_, clean_text(detail(alert)), now_);
    return go(kProcessView);
  }
  if (id.pid == 0 && alert.peer.addr.family != 0 && has_connections_with(alert.peer.addr)) {
    state_.scope = {RowKey::of(alert.peer.addr), to_string(alert.peer.addr), state_.view};
    state_.view = &kConnectionsView;
    return table().start_over();
  }
  if (alert.kind == AlertKind::kBandwidth && id.pid == 0) return switch_to(kThisHostView);
  state_.alert = RowKey::of(alert);
  state_.opened_alert = std::make_shared<const Alert>(alert);
  go(kAlertView);
}

void Keys::enter() {
  const Row* row = selected_row();
  if (row == nullptr) return;
  if (row->key.is_group) return fold('*');
  switch (row->key.kind) {
    case RowKey::Kind::kProcess:
      // A parent without sockets has no details.
      if (row->is_parent &&
          model_.history.find_process(shown_sample(model_, state_), row->key.process()) == nullptr)
        return fold('*');
      state_.process = row->key;
      return go(kProcessView);
    case RowKey::Kind::kFlow:
      state_.connection = row->key;
      state_.event = 0;
      return go(kConnectionView);
    case RowKey::Kind::kHost:
      state_.scope = {row->key, table().listing.sums[row->index].name, state_.view};
      state_.view = &kConnectionsView;
      return table().start_over();
    case RowKey::Kind::kEvent: {
      const LoggedEvent* logged = model_.events.find(row->key.a);
      if (logged == nullptr) return;
      if (const auto* change = std::get_if<event::AlertChange>(&logged->event.what))
        return look_into(*change->alert);
      if (!has_connection(logged->event)) return;
      state_.connection = RowKey::of(logged->event.flow);
      state_.event = logged->number;
      return go(kConnectionView);
    }
    case RowKey::Kind::kAlert: {
      const Alert* alert = find_alert(model_, row->key);
      return alert == nullptr ? void() : look_into(*alert);
    }
    case RowKey::Kind::kPlace:  // only groups have these
    case RowKey::Kind::kUnobserved:
    case RowKey::Kind::kInterface:
    case RowKey::Kind::kNone: return;
  }
}

void Keys::freeze(std::optional<std::uint64_t> sample) {
  if (model_.history.empty()) return;
  state_.frozen_sample = sample.value_or(model_.history.newest().number);
  if (sample)
    state_.opened.stop();
  else
    state_.opened.start(model_.history.newest());
  // Events after the moment that is shown must not be visible.
  const std::uint64_t wall = shown_sample(model_, state_).wall_ns;
  state_.frozen_event = model_.events.last_number();
  const auto& log = model_.events.all();
  for (auto each = log.rbegin(); each != log.rend() && each->second.wall_ns > wall; ++each)
    state_.frozen_event = each->first - 1;
  state_.release_order();
}

void Keys::live() {
  state_.frozen_sample = 0;
  state_.opened.stop();
  state_.release_order();
}

void Keys::step(int samples) {
  if (!state_.is_frozen()) {
    if (samples > 0) return;
    freeze(std::nullopt);
    if (!state_.is_frozen()) return;
  }
  const auto at = static_cast<std::int64_t>(shown_index(model_, state_)) + samples;
  const auto last = static_cast<std::int64_t>(model_.history.size()) - 1;
  if (at < 0) say(state_, "this is the oldest sample there is", now_);
  freeze(model_.history[static_cast<std::size_t>(std::clamp<std::int64_t>(at, 0, last))].number);
}

void Keys::sort_by(ColumnId column) {
  Table& t = table();
  if (sort_of(state_, focused_view(state_)) == column)
    t.sort_by(t.sort, !t.reverse);
  else
    t.sort_by(column, false);
}

void Keys::next_sort(int step) {
  const auto choices = sort_choices(state_);
  if (choices.empty()) return;
  const auto now = std::find(choices.begin(), choices.end(), sort_of(state_, focused_view(state_)));
  const auto at = now == choices.end() ? 0 : now - choices.begin();
  const auto all = static_cast<std::ptrdiff_t>(choices.size());
  table().sort_by(choices[static_cast<std::size_t>((at + step + all) % all)], false);
}

void Keys::regroup() {
  const View& view = *state_.view;
  if (!view.answers(Action::kGroup)) return say_where(Action::kGroup, "", " are grouped");
  Grouping& grouping = state_.settings.*view.grouping;
  const auto at = std::find(view.groupings.begin(), view.groupings.end(), grouping);
  grouping = at + 1 < view.groupings.end() ? *(at + 1) : view.groupings.front();
  state_.table().start_over();
  const std::string_view by = grouping == Grouping::kProcess     ? "by process"
                              : grouping == Grouping::kRemote    ? "by remote end"
                              : grouping == Grouping::kContainer ? "by container, else unit"
                                                                 : "below their parents";
  say(state_,
      grouping == Grouping::kNone
          ? "not grouped"
          : fmt::format(
                "grouped {} ({} fold)", by,
                state_.keys.keys_of({Action::kZoomOut, Action::kZoomIn, Action::kTurnFold})),
      now_);
}

// '-' folds the cursor's row, or the one that it belongs to; '+' unfolds it, '*' does either.
void Keys::fold(char how) {
  const auto& rows = table().listing.rows;
  std::size_t at = table().position;
  if (at >= rows.size()) return;
  auto& collapsed = table().collapsed;
  if (!rows[at].is_parent || (how == '-' && collapsed.contains(rows[at].key))) {
    const std::uint8_t depth = rows[at].depth;
    if (depth == 0 || how == '+') return;
    while (rows[at].depth >= depth) --at;
  }
  const RowKey key = rows[at].key;
  if (how == '+' || (how == '*' && collapsed.contains(key)))
    collapsed.erase(key);
  else
    collapsed.insert(key);
  move_to(at);
  table().touched = true;
}

// Shows the next connection in the details view.
void Keys::neighbour(int step) {
  if (state_.view != &kConnectionView || state_.back.empty()) return;
  // A view with a pane leads here only from the pane.
  const View& from = *state_.back.back();
  Table& list = state_.table_of(from.pane != nullptr ? *from.pane : from);
  const auto& rows = list.listing.rows;
  auto at = static_cast<std::int64_t>(list.position);
  for (;;) {
    at += step;
    if (at < 0 || at >= static_cast<std::int64_t>(rows.size())) return;
    const Row& row = rows[static_cast<std::size_t>(at)];
    RowKey key = row.key;
    std::uint64_t event = 0;
    if (key.kind == RowKey::Kind::kEvent) {
      const LoggedEvent* logged = model_.events.find(key.a);
      if (logged == nullptr || !has_connection(logged->event)) continue;
      key = RowKey::of(logged->event.flow);
      event = logged->number;
    }
    if (key.is_group || key.kind != RowKey::Kind::kFlow) continue;
    list.select(static_cast<std::size_t>(at), now_);
    state_.connection = key;
    state_.event = event;
    return;
  }
}

void Keys::open_prompt(PromptKind kind, std::string text) {
  state_.prompt = {kind, std::move(text), state_.filter_text, ""};
}

void Keys::open_signal_menu() {
  if (state_.settings.read_only) return say(state_, "--read-only: no signals", now_);
  if (state_.is_frozen())
    return say(state_, "signals go to what is live: first " + hint(Action::kEnd), now_);
  if (model_.history.empty()) return;
  ProcessId id;
  const Row* row = selected_row();
  const RowKey key = state_.view->subject != nullptr ? state_.*state_.view->subject
                     : row != nullptr                ? row->key
                                                     : RowKey{};
  if (key.kind == RowKey::Kind::kProcess) {
    id = key.process();
  } else if (key.kind == RowKey::Kind::kFlow) {
    const Flow* flow = model_.history.find_flow(model_.history.newest(), key.a);
    if (flow != nullptr) id = owner_of(*flow);
  }
  const Process* process = model_.history.find_process(model_.history.newest(), id);
  if (process == nullptr || id.pid == 0) return say(state_, "no process is selected", now_);
  state_.signal = {id, std::string(process->name()), 0, false};
  open_overlay(Overlay::kSignalMenu);
}

void Keys::copy() {
  std::string text = text_of(model_, state_, table(), selected_row());
  if (text.empty()) return say(state_, "nothing to copy", now_);
  say(state_, "copied: " + text, now_);
  effects_.push_back({Effect::Kind::kCopy, std::move(text), {}, 0});
}

void Keys::zoom(bool in) {
  static constexpr std::uint32_t kWindows[] = {15, 30, 60, 120, 300, 600};
  std::uint32_t& window = state_.settings.window_s;
  const auto* at = std::find(std::begin(kWindows), std::end(kWindows), window);
  if (in && at != std::begin(kWindows)) window = *(at - 1);
  if (!in && at + 1 < std::end(kWindows)) window = *(at + 1);
  say(state_, fmt::format("plots show {} s", window), now_);
}

void Keys::toggle(bool& setting, std::string_view on, std::string_view off) {
  setting = !setting;
  state_.release_order();
  say(state_, std::string(setting ? on : off), now_);
}

std::string Keys::hint(Action action) const {
  const std::string key = state_.keys.key_of(action);
  return key.empty() ? std::string(spec_of(action).name) : "key " + key;
}

void Keys::say_where(Action action, std::string_view before, std::string_view after) {
  std::string names;
  std::string hints;
  for (const View* view : kMainViews) {
    if (!view->answers(action)) continue;
    names += (names.empty() ? "" : " and ") + std::string(view->name);
    hints += (hints.empty() ? "" : ", ") + hint(action_of(*view));
  }
  say(state_, fmt::format("{}{}{}: {}", before, names, after, hints), now_);
}

void Keys::open_overlay(Overlay overlay) {
  state_.overlay = overlay;
  state_.overlay_row = state_.overlay_top = 0;
}

void Keys::act(Action action) {
  const auto page = static_cast<std::int64_t>(
      &focused_view(state_) == state_.view
          ? visible_rows(state_)
          : static_cast<std::size_t>(pane_list_rows(state_.view->frame(state_.size))));
  const auto half = std::max<std::int64_t>(page / 2, 1);
  const bool grouped = grouping_of(state_) != Grouping::kNone;
  const bool has_list = !state_.view->columns.empty();
  Settings& settings = state_.settings;
  if (action >= Action::kFirstView)
    return show(*kKeyedViews[static_cast<std::size_t>(action) -
                             static_cast<std::size_t>(Action::kFirstView)]);
  switch (action) {
    case Action::kQuit: return do_effect(Effect::Kind::kQuit);
    case Action::kHelp: return open_overlay(Overlay::kHelp);
    case Action::kOptions: return open_overlay(Overlay::kOptions);
    case Action::kRedraw: return do_effect(Effect::Kind::kRedraw);
    case Action::kSuspend: return do_effect(Effect::Kind::kSuspend);
    case Action::kBack: return back();
    case Action::kDetails: return enter();
    case Action::kUp: return has_list ? move_by(-1) : neighbour(-1);
    case Action::kDown: return has_list ? move_by(1) : neighbour(1);
    case Action::kPageUp: return move_by(-page);
    case Action::kPageDown: return move_by(page);
    case Action::kHalfPageUp: return move_by(-half);
    case Action::kHalfPageDown: return move_by(half);
    case Action::kFirst: return move_to(0);
    case Action::kLast: return move_to(SIZE_MAX);
    case Action::kEnd:
      if (state_.is_frozen()) return live();
      return move_to(state_.view->follows_newest ? 0 : SIZE_MAX);
    case Action::kNextView: return next_view(1);
    case Action::kPreviousView: return next_view(-1);
    case Action::kFilter: return open_prompt(PromptKind::kFilter, state_.filter_text);
    case Action::kSort:
      return sort_choices(state_).empty() ? void() : open_overlay(Overlay::kSortPicker);
    case Action::kPreviousSort: return next_sort(-1);
    case Action::kNextSort: return next_sort(1);
    case Action::kReverse: return table().sort_by(table().sort, !table().reverse);
    case Action::kColumns:
      if (!state_.view->answers(action) && !has_pane(state_))
        return say_where(action, "TCP's numbers are those of ", "");
      return open_overlay(Overlay::kColumns);
    case Action::kGroup: return regroup();
    case Action::kFold: return grouped ? fold('-') : void();
    case Action::kUnfold: return grouped ? fold('+') : void();
    case Action::kTurnFold: return grouped ? fold('*') : void();
    case Action::kZoomIn: return grouped ? fold('+') : zoom(true);
    case Action::kZoomOut: return grouped ? fold('-') : zoom(false);
    case Action::kPlotScale:
      return toggle(settings.own_scales, "each row's plot has its own scale",
                    "the plots of all rows have one scale");
    case Action::kIdle: return toggle(settings.idle, "idle rows shown", "idle rows hidden");
    case Action::kClosed: return toggle(settings.closed, "closed rows shown", "closed rows hidden");
    case Action::kLoopback: return toggle(settings.loopback, "loopback shown", "loopback hidden");
    case Action::kNames:
      return toggle(settings.names, "remote ends by name where DNS said one",
                    "remote ends by address");
    case Action::kPortNames:
      return toggle(settings.port_names, "ports by name where they fit", "ports by number");
    case Action::kUnits:
      settings.units = settings.units == Units::kBits    ? Units::kBytes
                       : settings.units == Units::kBytes ? Units::kIbytes
                                                         : Units::kBits;
      return say(state_, std::string(unit_words(settings.units)), now_);
    case Action::kEventTypes:
      if (!state_.view->answers(action))
        return say_where(action, "event types are picked among ", "");
      return open_overlay(Overlay::kEventTypes);
    case Action::kFollow:
      if (count() == 0) return;
      table().touched = true;
      return say(state_, "the cursor stays with this row", now_);
    case Action::kFreeze: return state_.is_frozen() ? live() : freeze(std::nullopt);
    case Action::kNextSample: return step(1);
    case Action::kPreviousSample: return step(-1);
    case Action::kGoToTime: return open_prompt(PromptKind::kTime, "");
    case Action::kInterval:
      return open_prompt(PromptKind::kInterval,
                         fmt::format("{:g}", static_cast<double>(settings.interval_ms) / 1e3));
    case Action::kCopy: return copy();
    case Action::kWrite: {
      if (model_.history.empty()) return;
      std::string time = time_of_day(shown_sample(model_, state_).wall_ns).substr(0, 8);
      std::erase(time, ':');
      return open_prompt(PromptKind::kFile, "sockscope-" + time + ".json");
    }
    case Action::kReset: return open_overlay(Overlay::kConfirmReset);
    case Action::kSignal: return open_signal_menu();
    case Action::kFirstView: return;  // done above
  }
}

void Keys::click(const Key& key) {
  for (const Hit& hit : screen_.hits) {
    if (hit.row != key.row || key.column < hit.from || key.column >= hit.to) continue;
    switch (hit.kind) {
      case Hit::Kind::kView: return switch_to(*kMainViews[hit.number]);
      case Hit::Kind::kRow:
      case Hit::Kind::kPaneRow:
        state_.in_pane = hit.kind == Hit::Kind::kPaneRow;
        move_to(hit.number);
        table().touched = true;
        if (key.name == KeyName::kDoubleClick) enter();
        return;
      case Hit::Kind::kHeading:
        state_.in_pane = false;
        return sort_by(static_cast<ColumnId>(hit.number));
      case Hit::Kind::kKey: return act(static_cast<Action>(hit.number));
      case Hit::Kind::kOverlayRow: return;
    }
  }
}

void Keys::handle(const Key& key) {
  switch (key.name) {
    case KeyName::kWheelUp: return move_by(-3);
    case KeyName::kWheelDown: return move_by(3);
    case KeyName::kClick:
    case KeyName::kDoubleClick: return click(key);
    default: break;
  }
  if (const auto action = state_.keys.find(key)) act(*action);
}

}  // namespace

void say(State& state, std::string message, std::uint64_t now_ns) {
  state.message = std::move(message);
  state.message_until_ns = now_ns + 4 * kSecond;
}

std::vector<Effect> handle_key(const Key& key, const Model& model, const Screen& screen,
                               std::uint64_t now_ns, State& state) {
  std::vector<Effect> effects;
  if (handle_prompt(key, model, state, effects) ||
      handle_overlay(key, model, screen, now_ns, state, effects))
    return effects;
  Keys(model, screen, now_ns, state, effects).handle(key);
  return effects;
}

}  // namespace sockscope::tui
