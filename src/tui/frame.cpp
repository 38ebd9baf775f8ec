// SPDX-License-Identifier: Apache-2.0
#include "tui/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <vector>

#include "base/text.h"
#include "base/timestamp.h"
#include "tui/rows.h"
#include "tui/table_layout.h"
#include "tui/view.h"
#include "tui/wide_panes.h"
#include "view/flow_text.h"
#include "view/host_text.h"

namespace sockscope::tui {
namespace {

// The width of all tabs with a space between them.
int width_of_tabs() {
  int width = -1;
  for (const View* view : kMainViews) width += static_cast<int>(view->tab.size()) + 1;
  return width;
}

struct LiveText {
  std::string text;
  Role role;
};

// "LIVE 14:03:22" or "FROZEN 14:03:22 +18s".
LiveText live_text(const Model& model, const State& state, bool is_short) {
  if (!state.is_frozen())
    return {is_short ? "LIVE" : "LIVE " + time_of_day(model.now_wall_ns).substr(0, 8), Role::kLive};
  const Sample& sample = shown_sample(model, state);
  const std::uint64_t behind =
      model.now_wall_ns > sample.wall_ns ? (model.now_wall_ns - sample.wall_ns) / 1'000'000'000 : 0;
  const std::string time = time_of_day(sample.wall_ns).substr(0, 8);
  return {is_short ? "FROZEN" : fmt::format("FROZEN {} +{}s", time, behind), Role::kFrozen};
}

// "LIVE" is highlighted, the time beside it is not.
void put_live(const LiveText& live, int end, int y, Grid& grid) {
  const int x = grid.put_right(end, y, live.text, {live.role});
  if (live.role == Role::kLive && live.text.size() > 5) grid.put(x + 4, y, live.text.substr(4));
}

// Active alerts: "! port_scan", "! 3 alerts", or "!3" on a narrow screen; empty: there are none.
LiveText alerts_text(const Model& model, int columns) {
  const auto end = std::find_if(model.alerts.begin(), model.alerts.end(),
                                [](const Alert& alert) { return alert.ended_ns != 0; });
  const std::span<const Alert> alerts(model.alerts.begin(), end);
  if (alerts.empty()) return {"", Role::kText};
  const bool is_critical = std::any_of(alerts.begin(), alerts.end(), [](const Alert& alert) {
    return alert.severity == AlertSeverity::kCritical;
  });
  if (columns < 80)
    return {fmt::format("!{}", alerts.size()), is_critical ? Role::kBroken : Role::kLook};
  return {alerts.size() == 1 ? "! " + std::string(to_string(alerts[0].kind))
                             : fmt::format("! {} alerts", alerts.size()),
          is_critical ? Role::kBroken : Role::kLook};
}

// A click on it acts like the key of the alerts. Returns the column where it begins.
int put_way_to_alerts(const LiveText& text, int end, int y, Screen& screen) {
  const int x = screen.grid.put_right(end, y, text.text, {text.role});
  screen.hits.push_back(
      {Hit::Kind::kKey, y, x, end, static_cast<std::size_t>(action_of(kAlertsView))});
  return x;
}

std::string interval_text(std::uint64_t ms) {
  return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000)
                        : fmt::format("{:.1f}s", static_cast<double>(ms) / 1000);
}

}  // namespace

std::string_view first_that_fits(std::span<const std::string> texts, int columns) {
  for (const std::string& text : texts)
    if (static_cast<int>(display_width(text)) <= columns) return text;
  return texts.back();
}

std::string rate_with_unit(std::optional<double> bytes_per_second, Units units) {
  if (!bytes_per_second) return kUnknown;
  const std::string number = format_rate(*bytes_per_second, units);
  const std::size_t digits = std::min(number.find_first_not_of("0123456789."), number.size());
  return number.substr(0, digits) + ' ' + number.substr(digits) +
         (units == Units::kBits || units == Units::kIbits ? "b/s" : "B/s");
}

Role share_role(double share, double segments) {
  if (segments < static_cast<double>(kLeastSegments)) return Role::kText;
  return share > 0.01 ? Role::kBroken : share > 0.001 ? Role::kLook : Role::kText;
}

std::string share_text(const std::optional<double>& share, double segments) {
  if (!share) return kUnknown;
  const bool is_broken = share_role(*share, segments) == Role::kBroken;
  return fmt::format("{:.1f}%{}", *share * 100, is_broken ? "!" : "");
}

std::string_view unit_words(Units units) {
  switch (units) {
    case Units::kBits: return "bits/s SI";
    case Units::kBytes: return "bytes/s SI";
    case Units::kIbits: return "bits/s IEC";
    case Units::kIbytes: break;
  }
  return "bytes/s IEC";
}

std::string selection_text(const State& state) {
  std::string text = state.scope.exists() ? "of " + state.scope.name : "";
  if (!state.filter_text.empty())
    text += (text.empty() ? "filter: " : "  filter: ") + clean_text(state.filter_text);
  return text;
}

std::string opened_since_text(const Model& model, const State& state) {
  std::size_t count = 0;
  const auto& log = model.events.all();
  for (auto each = log.rbegin(); each != log.rend() && each->first > state.frozen_event; ++each) {
    const Event& event = each->second.event;
    const bool opened = event.kind() == EventKind::kConnect || event.kind() == EventKind::kAccept;
    if (opened && (state.settings.loopback || !is_loopback(event.flow)) &&
        state.filter.matches(event.flow))
      ++count;
  }
  return count == 0 ? "" : fmt::format(" · +{} opened since", count);
}

std::string fold_keys(const State& state) {
  using enum Action;
  return state.keys.keys_of({kGroup, kZoomOut, kZoomIn, kTurnFold, kFold, kUnfold});
}

void draw_one_line(const Model& model, const State& state, Screen& screen) {
  if (model.history.empty()) return;
  const FlowTotals totals = shown_totals(model, state);
  const Units units = state.settings.units;
  int x = screen.grid.put(0, 0, "↓", {Role::kRx});
  x = screen.grid.put(x, 0, rate_text(totals.rx_rate, units) + ' ');
  x = screen.grid.put(x, 0, "↑", {Role::kTx});
  screen.grid.put(x, 0, fmt::format("{} {}c", rate_text(totals.tx_rate, units), totals.open));
}

namespace {

// Columns that the line with the plots needs for both arrows and rates; on narrow screens the line
// above it shows the rates.
constexpr int kRates = 31;
constexpr int kArrows = 4;

bool sees_own_processes_only(const Model& model) {
  return std::any_of(model.doors.begin(), model.doors.end(), [](const Door& door) {
    return door.observation == Observation::kOtherUsersOwners && !door.refused.empty();
  });
}

// The longest text that fits.
std::string own_processes_text(const std::string& source, int room) {
  for (const std::string& text :
       {fmt::format("source: {}, own processes only - sudo for all", source),
        source + ", own processes only - sudo for all", source + ", own only - sudo for all",
        source + " - sudo for all"})
    if (static_cast<int>(text.size()) <= room) return text;
  return source;
}

}  // namespace

void draw_header(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  Grid& grid = screen.grid;
  const int columns = grid.size().columns;
  const int y = frame.header;
  const bool narrow = columns < 60;
  LiveText live = live_text(model, state, narrow);
  if (narrow) {
    int end_of_figures = 0;
    if (!model.history.empty()) {
      const FlowTotals totals = shown_totals(model, state);
      const Units units = state.settings.units;
      int x = grid.put(1, y, "↓", {Role::kRx});
      x = grid.put(x, y, rate_text(totals.rx_rate, units) + ' ');
      x = grid.put(x, y, "↑", {Role::kTx});
      x = grid.put(x, y, rate_text(totals.tx_rate, units));
      if (columns >= 32) x = grid.put(x, y, "  " + counted(totals.open, "conn"));
      if (columns - x < static_cast<int>(live.text.size()) + 1) return;
      end_of_figures = x;
    }
    put_live(live, columns, y, grid);
    const LiveText alerts = alerts_text(model, columns);
    const int end = columns - static_cast<int>(live.text.size()) - 1;
    if (!alerts.text.empty() && end - static_cast<int>(alerts.text.size()) > end_of_figures)
      put_way_to_alerts(alerts, end, y, screen);
    return;
  }
  const bool detail = state.view->is_detail();
  if (columns >= kWide && !state.is_frozen()) live.text += ' ' + time_zone(model.now_wall_ns);
  if ((detail || state.settings.loopback) && columns < 100 && !narrow && !state.is_frozen())
    live.text.resize(live.text.size() - 3);  // the seconds
  std::string right;
  if (columns >= 120 && !detail) {
    right = sees_own_processes_only(model) ? own_processes_text(model.source, columns / 4)
            : model.unobserved.empty()
                ? model.source + " ok"
                : fmt::format("{}, {} not observed", model.source, model.unobserved.size());
    right += fmt::format(" · lost {}", model.lost.total());
    // The names of the views are more important than what this program costs; both are shown if
    // there is room.
    const std::string cost = fmt::format(" · self {:.1f}% CPU", model.self_cpu * 100);
    const auto words = display_width(right + cost + live.text) +
                       std::min<std::size_t>(display_width(clean_text(model.host)), 8);
    if (static_cast<int>(words) + width_of_tabs() + 24 <= columns) right += cost;
  }
  int end = columns;
  if (!right.empty()) {
    const bool bad = model.lost.total() != 0 || !model.unobserved.empty();
    const LiveText said{right, bad ? Role::kLook : Role::kDim};
    end = (model.unobserved.empty() ? grid.put_right(end, y, said.text, {said.role})
                                    : put_way_to_alerts(said, end, y, screen)) -
          3;
  }
  put_live(live, end, y, grid);
  end -= static_cast<int>(live.text.size()) + 1;
  // Only if no line below shows the alerts.
  if (const LiveText alerts = alerts_text(model, columns);
      !alerts.text.empty() && (frame.plot < 0 || frame.plot_rows != 1)) {
    end = put_way_to_alerts(alerts, end - 1, y, screen) - 2;
  }

  int x = grid.put(1, y, "sockscope", {Role::kTitle});
  if (columns >= 140) x = grid.put(x + 1, y, model.version);
  // On a wide screen the names of the views are not shortened for it.
  const int tabs = columns >= 120 ? x + width_of_tabs() + 11 : 60;
  const int room_for_host = detail ? 12 : std::max(std::min(columns - 72, end - tabs), 8);
  x = grid.put(x + 2, y,
               shorten_right(clean_text(model.host), static_cast<std::size_t>(room_for_host)));
  if (detail) {
    grid.put(x + 1, y, state.view->crumbs(model, state), {}, end);
    return;
  }
  const int spaces =
      static_cast<int>(kMainViews.size());  // one more space before each tab if there is room
  if (const std::string kernel = "kernel " + model.kernel;
      columns >= 140 && !model.kernel.empty() &&
      x + static_cast<int>(kernel.size()) + 10 + width_of_tabs() + spaces <= end)
    x = grid.put(x + 2, y, kernel);
  // The time that is shown is more important than the interval.
  if (!state.is_frozen() || columns >= 100)
    x = grid.put(x + 2, y, interval_text(state.settings.interval_ms));
  x += columns >= 140 ? 3 : columns >= 80 ? 2 : 1;
  const int gap = columns >= 140 && x + width_of_tabs() + spaces <= end ? 2 : 1;
  const bool narrow_tabs = x + width_of_tabs() > end;
  for (std::size_t i = 0; i < kMainViews.size(); ++i) {
    const View* view = kMainViews[i];
    const std::string_view tab = narrow_tabs ? view->narrow_tab : view->tab;
    const bool shown = state.view == view;
    const int from = x;
    if (x + static_cast<int>(tab.size()) > end) break;
    x = grid.put(x, y, tab, {shown ? Role::kTab : Role::kText});
    screen.hits.push_back({Hit::Kind::kView, y, from, x, i});
    x += gap;
  }
  if (state.settings.loopback && x + 4 <= end) grid.put(x + 1, y, "+lo", {Role::kLook});
}

void draw_plot_line(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  if (frame.plot < 0 || frame.plot_rows != 1) return;
  Grid& grid = screen.grid;
  const int y = frame.plot;
  const int columns = grid.size().columns;
  if (state.prompt.kind != PromptKind::kNone) return;  // the prompt is there
  const Listing& listing = state.table().listing;
  if (const std::string text = selection_text(state); !text.empty()) {
    const std::string count =
        fmt::format("{} of {} {}", listing.matching, listing.candidates, state.view->counted);
    const int end = columns - static_cast<int>(display_width(count)) - 1;
    const int room = static_cast<int>(display_width(text)) + 19 <= end ? end - 17 : end - 1;
    const int x = grid.put(1, y, text, {Role::kTitle}, room);
    if (x + 18 < end)
      grid.put(x + 4, y,
               fmt::format("({} {})", state.keys.key_of(Action::kBack),
                           state.scope.exists() ? "back" : "clears"),
               {Role::kDim});
    grid.put_right(columns, y, count);
    return;
  }
  if (model.history.empty()) return;
  const std::size_t index = shown_index(model, state);
  const Sample& sample = model.history[index];
  const Units units = state.settings.units;

  const bool is_narrow = columns < kNarrow;
  const int figures = is_narrow ? kArrows : kRates;
  const std::string conns = is_narrow ? "" : counted(sample.open_flows, "conn");
  const std::string_view gap = is_narrow ? "" : "  ";
  std::string right = conns;
  Role right_role = Role::kText;
  if (model.lost.total() != 0) {
    right = fmt::format("{}{}lost {}", conns, gap, model.lost.total());
    right_role = Role::kBroken;
  } else if (sees_own_processes_only(model)) {
    right = own_processes_text(model.source, columns - figures);
    right_role = Role::kLook;
  } else if (!model.unobserved.empty()) {
    const std::string source = model.source == "eBPF" || columns < 80 ? "" : model.source + ": ";
    right = fmt::format("{}{}{}{} not observed", conns, gap, source, model.unobserved.size());
    right_role = Role::kLook;
  }
  int end = columns;
  const LiveText alerts = is_narrow ? LiveText{"", Role::kText} : alerts_text(model, columns);
  const auto share = sample.retransmit_share();
  const std::string retransmits = "retr " + share_text(share, sample.tx_segments());
  const std::size_t words = display_width(right) + display_width(retransmits) + alerts.text.size();
  // If there is room beside what must be shown.
  if ((columns >= 80 || share.value_or(0) > 0) && static_cast<int>(words) + 6 + figures <= columns)
    end =
        grid.put_right(end, y, retransmits, {share_role(share.value_or(0), sample.tx_segments())}) -
        2;
  if (!right.empty())
    end = (model.unobserved.empty() ? grid.put_right(end, y, right, {right_role})
                                    : put_way_to_alerts({right, right_role}, end, y, screen)) -
          2;
  if (!alerts.text.empty()) end = put_way_to_alerts(alerts, end, y, screen) - 2;
  // Two rates of up to eleven characters, the rest for the plots.
  const int cells = std::max((end - 1 - (is_narrow ? kArrows : 2 * 15)) / 2, 0);
  const std::uint64_t step = plot_step(state, static_cast<std::size_t>(cells) * 2);
  const auto plot = [&](auto read) {
    return sparkline(model.history.series(index, static_cast<std::size_t>(cells) * 2, step, read),
                     state.settings.plot);
  };
  const auto put_direction = [&](int x, std::string_view arrow, Role role, auto read) {
    if (is_narrow && cells == 0) return x;
    x = grid.put(x, y, arrow, {role}, end);
    if (!is_narrow) {
      grid.put(x + 1, y, rate_with_unit(read(sample), units), {}, end);
      x += 13;
    }
    grid.put(x, y, plot(read), {role}, end);
    return x + cells + 1;
  };
  const int x = put_direction(1, "↓", Role::kRx, [](const Sample& s) { return rx_of(s); });
  put_direction(x, "↑", Role::kTx, [](const Sample& s) { return tx_of(s); });
}

namespace {

bool has_sort_heading(const State& state) {
  const auto& columns = state.view->columns;
  return std::any_of(columns.begin(), columns.end(), [&](const auto& column) {
    return column.id == sort_of(state, *state.view) && column.is_shown(state.size.columns);
  });
}

// "bits/s SI (B) · window 60 s (+/-)", and the sort column if no heading shows it.
std::string units_and_window(const State& state) {
  const auto with_keys = [&](std::string text, std::string keys) {
    return keys.empty() ? text : fmt::format("{} ({})", text, keys);
  };
  // With groups the same keys fold.
  std::string zoom =
      grouping_of(state) == Grouping::kNone ? state.keys.key_of(Action::kZoomIn) : "";
  if (const std::string out = state.keys.key_of(Action::kZoomOut); !zoom.empty() && !out.empty())
    zoom += '/' + out;
  return (has_sort_heading(state)
              ? ""
              : fmt::format("sort {} · ", heading_of_sort(state, *state.view))) +
         with_keys(std::string(unit_words(state.settings.units)),
                   state.keys.key_of(Action::kUnits)) +
         " · " + with_keys(fmt::format("window {} s", state.settings.window_s), zoom);
}

// "bits/s SI · sort RX/s ▼", then shorter forms; the last one is empty.
std::vector<std::string> units_and_order(const State& state) {
  if (state.size.columns >= kWide) return {units_and_window(state), ""};
  const std::string units(unit_words(state.settings.units));
  const std::string order = "sort " + heading_of_sort(state, *state.view);
  return {units + " · " + order, has_sort_heading(state) ? units : order, ""};
}

}  // namespace

void draw_status(const State& state, const Frame& frame, std::string_view left, Screen& screen) {
  const int columns = screen.grid.size().columns;
  if (frame.status >= 0) {
    const int room = columns - 1 - static_cast<int>(display_width(left)) - 2;
    const Table& table = state.table();
    const bool is_held = table.order.was_held() && table.touched && table.position != 0;
    if (state.view->order != nullptr && !is_held)
      screen.grid.put_right(columns, frame.status, first_that_fits(units_and_order(state), room));
    screen.grid.put(1, frame.status,
                    shorten_right(left, static_cast<std::size_t>(std::max(columns - 1, 1))));
  }
  if (frame.upper_rule >= 0) screen.grid.rule(frame.upper_rule);
  if (frame.lower_rule >= 0) screen.grid.rule(frame.lower_rule);
}

namespace {

std::string_view footer_text(const State& state, const FooterKey& key) {
  if (!key.text.empty()) return key.text;
  if (key.action == Action::kFreeze && state.is_frozen()) return "resume";
  if (key.action == Action::kNextView && has_pane(state)) return "pane";
  return spec_of(key.action).footer;
}

std::vector<FooterKey> footer_keys(const State& state, int columns) {
  using enum Action;
  const View& view = *state.view;
  if (columns < 60 && !view.is_detail()) return {{kHelp}, {kFilter}, {kNextView}, {kQuit}};
  std::vector<FooterKey> keys(view.footer.begin(), view.footer.end());
  if (state.settings.read_only || state.is_frozen())
    std::erase_if(keys, [](const FooterKey& key) { return key.action == kSignal; });
  if (view.is_detail()) return keys;
  if (columns >= 120) {
    for (const FooterKey& key :
         std::initializer_list<FooterKey>{{kReverse},
                                          {kGroup},
                                          {kIdle},
                                          {kNextSample, "step time", kPreviousSample},
                                          {kWrite, "write"},
                                          {kNames},
                                          {kPortNames},
                                          {kOptions}}) {
      const bool is_of_flows =
          key.action == kIdle || key.action == kNames || key.action == kPortNames;
      if ((is_of_flows && view.shows_host) || (key.action == kGroup && view.groupings.empty()) ||
          std::any_of(view.footer.begin(), view.footer.end(),
                      [&](const FooterKey& own) { return own.action == key.action; }))
        continue;
      keys.push_back(key);
    }
  }
  keys.push_back({kQuit});
  return keys;
}

}  // namespace

void draw_footer(const State& state, const Frame& frame, Screen& screen) {
  Grid& grid = screen.grid;
  if (!state.message.empty()) {
    const int y = frame.detail >= 0   ? frame.detail
                  : frame.status >= 0 ? frame.status
                                      : std::max(frame.footer, 0);
    grid.clear_row(y);
    grid.put(1, y, state.message, {Role::kLook});
  }
  if (state.prompt.kind != PromptKind::kNone) {
    const int y = frame.plot >= 0 && frame.plot_rows == 1 ? frame.plot
                  : frame.footer >= 0                     ? frame.footer
                                                          : grid.size().rows - 1;
    grid.clear_row(y);
    static constexpr std::array<std::string_view, 5> kLabels{
        "", "filter: ", "go to time (14:02, -5m, yesterday 9:00): ", "seconds between samples: ",
        "write JSON to: "};
    const bool wrong = !state.prompt.error.empty();
    std::string_view label = kLabels[static_cast<std::size_t>(state.prompt.kind)];
    // A mistake is reported where examples would be.
    if (const std::size_t example = label.find(" ("); wrong && example != std::string_view::npos)
      label = label.substr(0, example);
    int x = grid.put(1, y, std::string(label) + (label.ends_with(' ') ? "" : ": "), {Role::kTitle});
    // The end of the text must be visible, because that is where one types.
    std::string text = clean_text(state.prompt.text);
    const int room = grid.size().columns - x - 1;
    while (static_cast<int>(display_width(text)) > std::max(room, 1))
      text.erase(0, character_length(text));
    x = grid.put(x, y, text, {wrong ? Role::kBroken : Role::kText});
    grid.put(x, y, " ", {Role::kFrozen});
    if (wrong) grid.put(x + 2, y, state.prompt.error, {Role::kBroken});
  }
  if (frame.footer < 0) return;
  if (state.prompt.kind != PromptKind::kNone && frame.footer >= 0 && frame.plot < 0) return;

  const int columns = grid.size().columns;
  std::vector<FooterKey> keys = footer_keys(state, columns);
  struct Shown {
    const FooterKey* key;
    std::string label;
    std::string text;
    int width;
  };
  std::vector<Shown> shown;
  for (const FooterKey& key : keys) {
    std::string label = state.keys.key_of(key.action);
    if (label.empty()) continue;
    if (key.other)
      if (const std::string other = state.keys.key_of(*key.other); !other.empty())
        label += '/' + other;
    // "?help", but "s sort".
    const bool is_sign =
        label.size() == 1 && std::ispunct(static_cast<unsigned char>(label[0])) != 0;
    std::string text = (is_sign ? "" : " ") + std::string(footer_text(state, key));
    const int width = static_cast<int>(display_width(label) + display_width(text));
    shown.push_back({&key, std::move(label), std::move(text), width});
  }
  // The key that leads out is always shown.
  const int last_width = shown.empty() ? 0 : shown.back().width;
  int x = 1;
  for (const Shown& key : shown) {
    const bool last = &key == &shown.back();
    if (x + key.width + (last ? 0 : last_width + 1) > columns) continue;
    const int from = x;
    x = grid.put(x, frame.footer, key.label, {Role::kKey});
    x = grid.put(x, frame.footer, key.text);
    screen.hits.push_back(
        {Hit::Kind::kKey, frame.footer, from, x, static_cast<std::size_t>(key.key->action)});
    ++x;
  }
}

std::size_t visible_rows(const State& state) {
  if (state.size.columns < kLeastColumns || state.size.rows < kLeastRows) return 1;
  return static_cast<std::size_t>(std::max(state.view->frame(state.size).count, 1));
}

Screen render(const Model& model, const State& state) {
  Screen screen{Grid(state.size), {}};
  if (state.size.columns < kLeastColumns || state.size.rows < kLeastRows) {
    draw_one_line(model, state, screen);
  } else {
    const Frame frame = state.view->frame(state.size);
    draw_header(model, state, frame, screen);
    if (model.history.empty())
      screen.grid.put(1, frame.first, "measuring …", {Role::kDim});
    else
      state.view->draw(model, state, frame, screen);
    draw_footer(state, frame, screen);
    draw_overlay(model, state, screen);
  }
  if (state.settings.ascii) screen.grid.to_ascii();
  return screen;
}

}  // namespace sockscope::tui
