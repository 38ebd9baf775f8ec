// SPDX-License-Identifier: Apache-2.0
// Alerts: what deserves a look, with its evidence; below them what is not observed, and why.
#include <fmt/format.h>
#include <sockscope/alert.h>

#include <algorithm>

#include "base/text.h"
#include "base/timestamp.h"
#include "tui/arranger.h"
#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/view.h"
#include "view/flow_text.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

constexpr ColumnSpec kColumns[] = {
    {kTime, 8, 40},           {kLasted, 7, 60},     {kSeverity, 8, 0},
    {kCategory, 16, 60, 120}, {kCategory, 34, 120}, {kDetail, 2, 0, INT32_MAX, 1000},
};

constexpr FooterKey kFooter[] = {{Action::kHelp}, {Action::kFilter}, {Action::kDetails, "who"},
                                 {Action::kBack}, {Action::kFreeze}, {Action::kCopy},
                                 {Action::kWrite}};

constexpr int kDetailRows = 4;

// Room for evidence that is longer than a line.
Frame frame_of(Size size) {
  Frame frame = list_frame(size, false, false);
  constexpr int kMore = kDetailRows - 1;
  if (frame.detail < 0 || frame.count <= 2 * kMore) return frame;
  frame.count -= kMore;
  frame.status -= kMore;
  frame.lower_rule -= kMore;
  frame.detail -= kMore;
  return frame;
}

// Relative to the moment on the screen.
std::size_t count_of(const Model& model, const State& state, bool is_over) {
  const std::uint64_t moment = shown_sample(model, state).mono_ns;
  return static_cast<std::size_t>(
      std::count_if(model.alerts.begin(), model.alerts.end(), [&](const Alert& alert) {
        return alert.first_ns <= moment && (alert.ended_ns != 0) == is_over;
      }));
}

void arrange(Arranger& a) {
  const auto add = [&](RowKey key, std::size_t index, const Flow& flow) {
    ++a.listing.candidates;
    if (!a.state.filter.matches(flow)) return;
    ++a.listing.matching;
    a.listing.rows.push_back({key, static_cast<std::uint32_t>(index)});
  };
  const auto add_alerts = [&](bool over) {
    for (std::size_t i = a.model.alerts.size(); i-- > 0;) {
      const Alert& alert = a.model.alerts[i];
      if ((alert.ended_ns != 0) != over || alert.first_ns > a.sample.mono_ns) continue;
      add(RowKey::of(alert), i, flow_of(alert));
    }
  };
  add_alerts(false);
  add_alerts(true);
  for (std::size_t i = 0; i < a.model.unobserved.size(); ++i)
    add(RowKey::of(a.model.unobserved[i]), i, Flow());
}

Role role_of(const Alert& alert) {
  return alert.ended_ns != 0                          ? Role::kDim
         : alert.severity == AlertSeverity::kCritical ? Role::kBroken
                                                      : Role::kLook;
}

CellText alert_cell(const Model& model, const Alert& alert, ColumnId id) {
  const Sample& newest = model.history.newest();
  switch (id) {
    case kTime: {
      const std::uint64_t ago = newest.mono_ns - std::min(alert.first_ns, newest.mono_ns);
      return {time_of_day(newest.wall_ns - ago).substr(0, 8)};
    }
    case kLasted: {
      const std::uint64_t end = alert.ended_ns != 0 ? alert.ended_ns : newest.mono_ns;
      return {describe_duration((end - std::min(alert.first_ns, end)) / 1000)};
    }
    case kSeverity:
      return {std::string(alert.ended_ns != 0 ? "over" : to_string(alert.severity)),
              role_of(alert)};
    case kCategory: return {std::string(to_string(alert.kind))};
    default: return {message(alert)};
  }
}

CellText unobserved_cell(const Door& door, ColumnId id) {
  switch (id) {
    case kTime:
    case kLasted: return {};
    case kSeverity: return {"not seen", Role::kLook};
    case kCategory: return {std::string(to_string(door.observation))};
    default: return {clean_text(door.refused.substr(0, door.refused.find('\n')))};
  }
}

// What is known of a row in addition to its cells.
std::string detail_of(const Model& model, const Row& row) {
  if (row.key.kind == RowKey::Kind::kUnobserved) {
    const Door& door = model.unobserved[row.index];
    return fmt::format("{} is not observed: {}: {}{}", to_string(door.observation), door.name,
                       door.refused, door.advice.empty() ? "" : ". To do: " + door.advice);
  }
  const Alert* alert = find_alert(model, row.key);
  return alert == nullptr ? "" : message(*alert) + ": " + detail(*alert);
}

std::string summary(const Model& model, const State& state) {
  const std::size_t ongoing = count_of(model, state, false);
  std::string text = ongoing == 0 ? "no active alert" : counted(ongoing, "active alert");
  if (const std::size_t over = count_of(model, state, true); over != 0)
    text += fmt::format(" · {} {} over", over, over == 1 ? "is" : "are");
  if (!model.unobserved.empty()) text += fmt::format(" · {} not observed", model.unobserved.size());
  return text;
}

void draw(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  if (!state.filter_text.empty())
    draw_plot_line(model, state, frame, screen);
  else if (frame.plot >= 0 && state.prompt.kind == PromptKind::kNone)
    screen.grid.put(1, frame.plot, summary(model, state));
  draw_list(
      state, frame,
      [&](const Row& row, const PlacedColumn& column) -> CellText {
        if (row.key.kind == RowKey::Kind::kUnobserved)
          return unobserved_cell(model.unobserved[row.index], column.id());
        const Alert* alert = find_alert(model, row.key);
        return alert == nullptr ? CellText{} : alert_cell(model, *alert, column.id());
      },
      screen);
  const Listing& listing = state.table().listing;
  if (listing.rows.empty())
    screen.grid.put(1, frame.first,
                    listing.candidates == 0 ? "no alerts, and everything is observed"
                                            : "none of them passes the filter",
                    {Role::kDim});
  draw_status(
      state, frame,
      fmt::format("{} opens who does it, else its details", state.keys.key_of(Action::kDetails)),
      screen);
  if (frame.detail < 0 || state.table().position >= listing.rows.size()) return;
  const int rows = (frame.footer < 0 ? state.size.rows : frame.footer) - frame.detail;
  const std::string detail = clean_text(detail_of(model, listing.rows[state.table().position]));
  const auto lines = wrap(detail, static_cast<std::size_t>(std::max(state.size.columns - 2, 1)));
  for (std::size_t i = 0; i < std::min(lines.size(), static_cast<std::size_t>(rows)); ++i)
    screen.grid.put(1, frame.detail + static_cast<int>(i), lines[i]);
}

bool open(const Model&, State& state) {
  if (state.view == &kAlertsView) return true;
  state.back.push_back(state.view);
  state.view = &kAlertsView;
  state.in_pane = false;
  state.table().start_over();
  return true;
}

std::string json(const Model& model, const State& state, const DocumentSource& from) {
  return write_lines(model, from, [&](EventWriter& writer, std::string& out) {
    std::size_t count = 0;
    for (const Row& row : state.table().listing.rows) {
      const Alert* alert = find_alert(model, row.key);
      if (alert == nullptr) continue;
      writer.alert(*alert, out);
      ++count;
    }
    return count;
  });
}

}  // namespace

const Alert* find_alert(const Model& model, const RowKey& key) {
  const auto found = std::find_if(model.alerts.begin(), model.alerts.end(),
                                  [&](const Alert& alert) { return RowKey::of(alert) == key; });
  return found == model.alerts.end() ? nullptr : &*found;
}

constinit const View kAlertsView = {
    .name = "alerts",
    .key = "A",
    .meaning = "alerts, and what is not observed",
    .columns = kColumns,
    .counted = "alerts",
    .footer = kFooter,
    .help = [](const State& state) -> HelpLines {
      using enum Action;
      return {{"Alerts, each with its evidence below the list.", ""},
              {state.keys.key_of(kDetails),
               "its process; of one from outside its connections; else the alert itself"},
              {"over", "it was not seen for a minute; it stays in the list"},
              {"not seen", "what is not observed here, why, and what to do about it"}};
    },
    .crumbs = [](const Model&, const State&) -> std::string { return "▸ Alerts"; },
    .frame = frame_of,
    .arrange = arrange,
    .draw = draw,
    .open = open,
    .json = json,
};

}  // namespace sockscope::tui
