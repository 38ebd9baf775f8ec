// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "tui/app.h"
#include "tui/frame.h"
#include "tui/rows.h"
#include "tui/table_layout.h"
#include "tui/view.h"
#include "view/columns.h"

namespace sockscope::tui {
namespace {

// A box in the middle of the screen; x and y are where its inside begins.
struct Box {
  int x = 0;
  int y = 0;
  int width = 0;   // inside
  int height = 0;  // inside
};

Box draw_box(std::string_view title, int width, int height, Grid& grid) {
  const Size size = grid.size();
  width = std::min(width, size.columns - 4);
  height = std::min(height, size.rows - 2);
  Box box{(size.columns - width) / 2, (size.rows - height) / 2, width, height};
  const auto edge = [&](int y, std::string_view left, std::string_view right) {
    int x = grid.put(box.x - 2, y, left, {Role::kDim});
    while (x < box.x + width + 1) x = grid.put(x, y, "─", {Role::kDim});
    grid.put(x, y, right, {Role::kDim});
  };
  edge(box.y - 1, "┌", "┐");
  for (int row = 0; row < height; ++row) {
    grid.put(box.x - 2, box.y + row, "│", {Role::kDim});
    for (int x = box.x - 1; x < box.x + width + 1; ++x) grid.put(x, box.y + row, " ");
    grid.put(box.x + width + 1, box.y + row, "│", {Role::kDim});
  }
  edge(box.y + height, "└", "┘");
  grid.put(box.x, box.y - 1, fmt::format(" {} ", title), {Role::kTitle}, box.x + width);
  return box;
}

struct Choice {
  std::string label;
  std::string meaning;  // stands behind the label; may be empty
};

// Where the screen is too narrow for all of them, the meaning of the selected one stands below the
// list, too, where it can be read to its end.
void draw_choices(std::string_view title, const std::vector<Choice>& choices, std::string_view hint,
                  const State& state, Screen& screen) {
  constexpr int kMark = 2;  // columns before each line
  constexpr int kFoot = 2;  // an empty line and the hint
  int widest = 0;
  for (const Choice& choice : choices)
    widest = std::max(widest, static_cast<int>(display_width(choice.label + choice.meaning)));
  widest += kMark;
  const Size size = screen.grid.size();
  const auto inside = static_cast<std::size_t>(std::max(size.columns - 4, kMark + 1));
  std::size_t below = 0;
  if (widest > static_cast<int>(inside))
    for (const Choice& choice : choices)
      below = std::max(below, wrap(choice.meaning, inside).size());
  if (static_cast<int>(below) + kFoot + 1 > size.rows - 2) below = 0;
  const int width = std::max(widest, static_cast<int>(std::max(title.size() + 2, hint.size())));
  const Box box =
      draw_box(title, width, static_cast<int>(choices.size() + below) + kFoot, screen.grid);
  const int right = box.x + box.width;
  // Lists longer than the screen scroll with the cursor.
  const int rows = box.height - kFoot - static_cast<int>(below);
  const std::size_t room = static_cast<std::size_t>(std::max(rows, 1));
  const std::size_t top = state.overlay_row >= room ? state.overlay_row - room + 1 : 0;
  for (std::size_t i = 0; i < room && top + i < choices.size(); ++i) {
    const int y = box.y + static_cast<int>(i);
    const Choice& choice = choices[top + i];
    const bool selected = top + i == state.overlay_row;
    screen.grid.put(box.x, y, selected ? "▌" : " ", {}, right);
    screen.grid.put(box.x + kMark, y,
                    shorten_right(choice.label + choice.meaning,
                                  static_cast<std::size_t>(std::max(box.width - kMark, 1))),
                    {}, right);
    if (selected) screen.grid.select(y, box.x, right);
    screen.hits.push_back({Hit::Kind::kOverlayRow, y, box.x, right, top + i});
  }
  if (below != 0 && state.overlay_row < choices.size()) {
    int y = box.y + box.height - 1 - static_cast<int>(below);
    for (const std::string& line : wrap(choices[state.overlay_row].meaning, inside))
      screen.grid.put(box.x, y++, line, {}, right);
  }
  if (box.height > kFoot) screen.grid.put(box.x, box.y + box.height - 1, hint, {Role::kDim}, right);
}

struct TextLine {
  std::string text;
  Style style{};
};

// A box with text, wrapped where the screen is too narrow.
void draw_text(std::string_view title, const std::vector<TextLine>& lines, Screen& screen) {
  int width = 0;
  for (const TextLine& line : lines)
    width = std::max(width, static_cast<int>(display_width(line.text)));
  const auto inside =
      static_cast<std::size_t>(std::clamp(screen.grid.size().columns - 4, 1, std::max(width, 1)));
  std::vector<TextLine> wrapped;
  for (const TextLine& line : lines) {
    for (std::string& part : wrap(line.text, inside))
      wrapped.push_back({std::move(part), line.style});
  }
  const Box box = draw_box(title, width, static_cast<int>(wrapped.size()), screen.grid);
  for (int i = 0; i < std::min(box.height, static_cast<int>(wrapped.size())); ++i) {
    const TextLine& line = wrapped[static_cast<std::size_t>(i)];
    screen.grid.put(box.x, box.y + i, line.text, line.style, box.x + box.width);
  }
}

constexpr int kHelpWidth = 76;
constexpr int kHelpKeys = 18;     // columns for the keys
constexpr int kLeastBeside = 50;  // in less room the text is below the keys

// The help of the column, without the note on its CSV.
std::string_view meaning_of(ColumnId column) {
  const std::string_view help = find_column<Flow>(column)->help;
  return help.substr(0, help.find(" (CSV"));
}

struct HelpRow {
  std::string key;
  std::string text;
  bool is_heading = false;
};

std::vector<HelpRow> wrapped(const HelpLines& lines, int width, int indent) {
  std::vector<HelpRow> rows;
  for (const auto& [key, text] : lines) {
    if (text.empty()) {
      for (std::string& line : wrap(key, static_cast<std::size_t>(std::max(width, 1))))
        rows.push_back({std::move(line), "", true});
      continue;
    }
    rows.push_back({key, "", false});
    bool stands_beside = static_cast<int>(display_width(key)) < indent;
    for (std::string& line : wrap(text, static_cast<std::size_t>(std::max(width - indent, 1)))) {
      if (!std::exchange(stands_beside, false)) rows.push_back({});
      rows.back().text = std::move(line);
    }
  }
  return rows;
}

void draw_help(const Model& model, const State& state, Screen& screen) {
  const int width = std::min(kHelpWidth, screen.grid.size().columns - 4);
  const int indent = width < kLeastBeside ? 2 : kHelpKeys;
  const auto lines = wrapped(help_lines(model, state), width, indent);
  const Box box = draw_box(fmt::format("Help: any key closes, {} scroll",
                                       state.keys.keys_of({Action::kDown, Action::kUp})),
                           kHelpWidth, static_cast<int>(lines.size()), screen.grid);
  const std::size_t room = static_cast<std::size_t>(std::max(box.height, 1));
  const std::size_t most = lines.size() > room ? lines.size() - room : 0;
  const std::size_t top = std::min(state.overlay_top, most);
  for (std::size_t i = 0; i < room && top + i < lines.size(); ++i) {
    const HelpRow& line = lines[top + i];
    const int y = box.y + static_cast<int>(i);
    screen.grid.put(box.x, y, line.key, {line.is_heading ? Role::kTitle : Role::kKey},
                    box.x + box.width);
    screen.grid.put(box.x + indent, y, line.text, {}, box.x + box.width);
  }
}

}  // namespace

HelpLines help_lines(const Model& model, const State& state) {
  using enum Action;
  const KeyMap& keys = state.keys;
  HelpLines lines = state.view->help(state);
  const View& list = has_pane(state) ? *state.view->pane : *state.view;
  if (shows_tcp_internals(state, list))
    for (const PlacedColumn& column : place_columns(state, list))
      if (column.spec->info().needs == Needs::kTcpInternals)
        lines.push_back(
            {std::string(column.spec->heading()), std::string(meaning_of(column.id()))});
  std::string views;
  for (const View* view : kKeyedViews)
    if (const std::string key = keys.key_of(action_of(*view)); !key.empty()) views += key + ' ';
  views += keys.key_of(kNextView);
  if (views.ends_with(' ')) views.pop_back();
  const std::string others = keys.other_keys_of({kUp, kDown, kPageUp, kPageDown});
  const std::string halves = keys.keys_of({kHalfPageUp, kHalfPageDown});
  const HelpLines common = {
      {"Moving", ""},
      {keys.keys_of({kUp, kDown, kPageUp, kPageDown}),
       (others.empty() ? "a row, a page" : "also " + others) +
           (halves.empty() ? "" : "; half " + halves)},
      {keys.keys_of({kFirst, kLast, kEnd}), "first and last row; live again or the newest"},
      {keys.keys_of({kDetails, kBack}), "details, back (also clears the filter)"},
      {views, "views"},
      {"Choosing", ""},
      {keys.key_of(kFilter), "filter: nginx  dport:443  rx>1M  rtt>20  !ssh  a|b  /re/"},
      {keys.keys_of({kSort, kPreviousSort, kNextSort, kReverse}),
       "sort picker, previous and next column, reverse order"},
      {keys.key_of(kColumns), "which of TCP's numbers connections have as columns"},
      {keys.keys_of({kIdle, kClosed, kLoopback}), "idle rows, closed rows, loopback"},
      {keys.keys_of({kUnits, kNames, kPortNames}),
       "bits, bytes, IEC bytes; names of remote ends, of ports"},
      {keys.key_of(kFollow), "the cursor stays with the row it is on"},
      {"Time", ""},
      {keys.key_of(kFreeze), "freeze or continue; collection never stops"},
      {keys.keys_of({kNextSample, kPreviousSample, kGoToTime}),
       "next and previous sample, go to a time (-5m, 14:02)"},
      {keys.keys_of({kZoomIn, kZoomOut, kPlotScale}),
       "plots of less or more time; one scale for all or for each"},
      {keys.key_of(kInterval), "seconds between samples"},
      {"Doing", ""},
      {keys.keys_of({kCopy, kWrite}), "copy the row, write the view as JSON"},
      {keys.key_of(kSignal), state.settings.read_only
                                 ? "signals: off (--read-only)"
                                 : "signal menu; the process's identity is checked first"},
      {keys.keys_of({kReset, kOptions}), "count totals from now on; options"},
      {keys.keys_of({kRedraw, kSuspend, kQuit}), "redraw, suspend, quit"},
      {"Mouse", "click, double click, wheel; Shift+drag selects text"},
      {"Where the figures come from", ""},
  };
  lines.insert(lines.end(), common.begin(), common.end());
  // Actions without a key are left out.
  std::erase_if(lines, [](const auto& line) { return line.first.empty(); });
  lines.push_back({"source", fmt::format("{}; lost {} records; this program uses {:.1f}% of a core",
                                         model.source, model.lost.total(), model.self_cpu * 100)});
  for (const Door& door : model.doors)
    if (!door.refused.empty())
      lines.push_back({shorten_right(to_string(door.observation), 17),
                       fmt::format("{} refused: {}", door.name, door.refused)});
  return lines;
}

void draw_overlay(const Model& model, const State& state, Screen& screen) {
  switch (state.overlay) {
    case Overlay::kNone: return;
    case Overlay::kHelp: return draw_help(model, state, screen);
    case Overlay::kSortPicker: {
      std::vector<Choice> choices;
      for (const ColumnId id : sort_choices(state)) {
        std::string_view heading;
        for (const ColumnSpec& column : focused_view(state).columns)
          if (column.id == id) heading = column.heading();
        const bool is_now = id == sort_of(state, focused_view(state));
        choices.push_back({pad_right(heading, 12), is_now ? " (now)" : ""});
      }
      return draw_choices("Sort by", choices, "Enter picks, Esc closes", state, screen);
    }
    case Overlay::kSignalMenu: {
      const SignalChoice& choice = state.signal;
      const std::string who = fmt::format("{} {}", clean_text(choice.name), choice.target.pid);
      if (choice.confirming) {
        const SignalName& signal = signal_names()[choice.picked];
        const double age = static_cast<double>(model.now_ns) / 1e9;
        std::string started;
        if (choice.target.start_ns != 0)
          started = fmt::format("started {:.0f} s after boot; now {:.0f} s",
                                static_cast<double>(choice.target.start_ns) / 1e9, age);
        return draw_text("Signal",
                         {{fmt::format("Send {} to {}?", signal.name, who), {Role::kTitle}},
                          {started, {Role::kDim}},
                          {},
                          {"y sends, any other key does not"}},
                         screen);
      }
      std::vector<Choice> choices;
      for (const SignalName& signal : signal_names())
        choices.push_back({fmt::format("{:<9}", signal.name), std::string(signal.meaning)});
      return draw_choices("Signal to " + who, choices, "Enter picks, Esc closes", state, screen);
    }
    case Overlay::kEventTypes: {
      std::vector<Choice> choices;
      for (const EventKindText& each : event_kinds()) {
        const bool is_hidden = (state.hidden_events & bit_of(each.kind)) != 0;
        choices.push_back(
            {fmt::format("[{}] {:<9}", is_hidden ? ' ' : 'x', short_event_name(each.kind)),
             std::string(each.meaning)});
      }
      return draw_choices("Event types", choices, "Enter turns, a all/none, Esc closes", state,
                          screen);
    }
    case Overlay::kColumns: {
      std::vector<Choice> choices;
      for (const ColumnSpec& column : tcp_columns()) {
        const auto& asked = state.asked_columns;
        const bool is_asked = std::find(asked.begin(), asked.end(), column.id) != asked.end();
        choices.push_back(
            {fmt::format("[{}] {} ", is_asked ? 'x' : ' ', pad_right(column.heading(), 8)),
             std::string(meaning_of(column.id))});
      }
      return draw_choices("TCP's numbers of connections", choices,
                          "Enter turns, a none, Esc closes", state, screen);
    }
    case Overlay::kOptions: {
      std::vector<Choice> choices;
      for (const OptionLine& option : option_lines(state))
        choices.push_back({pad_right(option.name, 20), option.value});
      return draw_choices("Options", choices, "Enter changes, Esc closes", state, screen);
    }
    case Overlay::kConfirmReset:
      return draw_text("Totals",
                       {{"Count RX TOTAL and TX TOTAL from now on?"},
                        {},
                        {"y does, a counts all there was again,"},
                        {"any other key changes nothing"}},
                       screen);
  }
}

}  // namespace sockscope::tui
