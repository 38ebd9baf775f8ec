// SPDX-License-Identifier: Apache-2.0
// Prompts and overlays: what keys mean while one is open.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <ctime>

#include "base/timestamp.h"
#include "tui/app.h"
#include "tui/frame.h"
#include "tui/rows.h"
#include "tui/table_layout.h"
#include "tui/theme.h"

namespace sockscope::tui {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

constexpr SignalName kSignals[] = {
    {SIGTERM, "SIGTERM", "end, please"},
    {SIGINT, "SIGINT", "interrupt"},
    {SIGHUP, "SIGHUP", "hang up, reload"},
    {SIGUSR1, "SIGUSR1", ""},
    {SIGUSR2, "SIGUSR2", ""},
    {SIGQUIT, "SIGQUIT", "end with a core dump"},
    {SIGSTOP, "SIGSTOP", "pause"},
    {SIGCONT, "SIGCONT", "go on"},
    {SIGKILL, "SIGKILL", "end at once, without cleaning up"},
};

// Applies a filter while it is typed. A mistake is reported, and the last correct filter stays.
void try_filter(State& state) {
  auto filter = FlowFilter::parse(state.prompt.text, state.lookup_user);
  if (!filter) {
    state.prompt.error = filter.error();
    return;
  }
  state.prompt.error.clear();
  state.filter = std::move(*filter);
  state.filter_text = state.filter.matches_all() ? "" : state.prompt.text;
  state.release_order();
}

void go_to_time(const Model& model, State& state) {
  const auto time = parse_time(state.prompt.text, model.now_wall_ns);
  if (!time) {
    state.prompt.error = "write 14:02, -5m, yesterday 9:00 or 2026-11-20 9:00";
    return;
  }
  if (model.history.empty()) {
    state.prompt = {};
    return;
  }
  // Jumping to another time than the one asked for would be mistaken for it.
  const std::uint64_t oldest = model.history[0].wall_ns;
  if (*time / kSecond < oldest / kSecond) {
    state.prompt.error =
        fmt::format("kept since {}, ten minutes at most", time_of_day(oldest).substr(0, 8));
    return;
  }
  if (*time > model.now_wall_ns) {
    state.prompt.error = "that is yet to come";
    return;
  }
  state.prompt = {};
  const std::size_t index = model.history.index_at(*time);
  state.frozen_sample = model.history[index].number;
  state.opened.stop();
  state.frozen_event = 0;
  for (const auto& [number, logged] : model.events.all())
    if (logged.wall_ns <= model.history[index].wall_ns) state.frozen_event = number;
  state.release_order();
}

void accept(const Model& model, State& state, std::vector<Effect>& effects) {
  Prompt& prompt = state.prompt;
  switch (prompt.kind) {
    case PromptKind::kFilter:
      if (prompt.error.empty()) prompt = {};
      return;
    case PromptKind::kTime: return go_to_time(model, state);
    case PromptKind::kInterval: {
      double seconds = 0;
      const char* end = prompt.text.data() + prompt.text.size();
      const auto [stop, failure] = std::from_chars(prompt.text.data(), end, seconds);
      if (failure != std::errc() || stop != end || !(seconds >= 0.1 && seconds <= 3600)) {
        prompt.error = "0.1 to 3600";
        return;
      }
      state.settings.interval_ms = static_cast<std::uint64_t>(seconds * 1000 + 0.5);
      prompt = {};
      effects.push_back({Effect::Kind::kInterval, {}, {}, 0});
      return;
    }
    case PromptKind::kFile:
      if (prompt.text.empty()) {
        prompt.error = "a file needs a name";
        return;
      }
      effects.push_back({Effect::Kind::kWriteJson, prompt.text, {}, 0});
      prompt = {};
      return;
    case PromptKind::kNone: return;
  }
}

void cycle_option(std::size_t row, State& state, std::vector<Effect>& effects) {
  Settings& settings = state.settings;
  switch (row) {
    case 0:
      settings.units = static_cast<Units>((static_cast<unsigned>(settings.units) + 1) % 4);
      return;
    case 1: settings.idle = !settings.idle; break;
    case 2: settings.closed = !settings.closed; break;
    case 3: settings.loopback = !settings.loopback; break;
    case 4:
      settings.plot =
          settings.plot == PlotStyle::kBraille ? PlotStyle::kBlock : PlotStyle::kBraille;
      return;
    case 5: settings.names = !settings.names; return;
    case 6: settings.port_names = !settings.port_names; return;
    case 7: {
      const auto* at = std::find(kThemeNames.begin(), kThemeNames.end(), settings.theme);
      const auto next = at == kThemeNames.end() ? 0 : (at - kThemeNames.begin() + 1);
      settings.theme = kThemeNames[static_cast<std::size_t>(next) % kThemeNames.size()];
      effects.push_back({Effect::Kind::kTheme, settings.theme, {}, 0});
      return;
    }
    case 8: settings.own_scales = !settings.own_scales; return;
    default: return;
  }
  state.release_order();
}

void reset_totals(const Model& model, State& state) {
  state.process_base.clear();
  state.flow_base.clear();
  if (model.history.empty()) return;
  for (const std::uint32_t index : model.history.newest().processes) {
    const Process& process = model.history.process(index);
    state.process_base[id_of(process)] = {process.rx_bytes, process.tx_bytes};
  }
  for (const std::uint32_t index : model.history.newest().flows) {
    const Flow& flow = model.history.flow(index);
    state.flow_base[flow.cookie] = {flow.counters.rx_bytes, flow.counters.tx_bytes};
  }
}

std::size_t overlay_rows(const State& state) {
  switch (state.overlay) {
    case Overlay::kSortPicker: return sort_choices(state).size();
    case Overlay::kSignalMenu: return std::size(kSignals);
    case Overlay::kEventTypes: return event_kinds().size();
    case Overlay::kColumns: return tcp_columns().size();
    case Overlay::kOptions: return option_lines(state).size();
    default: return 0;
  }
}

void choose(State& state, std::vector<Effect>& effects) {
  switch (state.overlay) {
    case Overlay::kSortPicker: {
      const auto choices = sort_choices(state);
      if (state.overlay_row < choices.size())
        focused_table(state).sort_by(choices[state.overlay_row], false);
      state.overlay = Overlay::kNone;
      return;
    }
    case Overlay::kSignalMenu:
      if (!state.signal.confirming) {
        state.signal.picked = state.overlay_row;
        state.signal.confirming = true;
      }
      return;
    case Overlay::kEventTypes:
      state.hidden_events ^= bit_of(event_kinds()[state.overlay_row].kind);
      state.table().order.renew();
      return;
    case Overlay::kColumns: {
      const ColumnId column = tcp_columns()[state.overlay_row].id;
      if (std::erase(state.asked_columns, column) == 0) state.asked_columns.push_back(column);
      return;
    }
    case Overlay::kOptions: return cycle_option(state.overlay_row, state, effects);
    case Overlay::kConfirmReset:
    case Overlay::kHelp:
    case Overlay::kNone: return;
  }
}

}  // namespace

std::vector<ColumnId> sort_choices(const State& state) {
  std::vector<ColumnId> choices;
  const View& view = focused_view(state);
  if (view.order == nullptr) return choices;
  for (const ColumnSpec& column : view.columns) {
    const bool known = std::find(choices.begin(), choices.end(), column.id) != choices.end();
    if (column.info().sortable && !known) choices.push_back(column.id);
  }
  return choices;
}

std::span<const SignalName> signal_names() {
  return kSignals;
}

std::optional<std::uint64_t> parse_time(std::string_view text, std::uint64_t now_wall_ns) {
  const auto number = [&text](int& value) {
    unsigned read = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), read);
    if (failure != std::errc() || read > 1'000'000) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    value = static_cast<int>(read);
    return true;
  };
  const auto take = [&text](std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
  };
  while (take(" ")) continue;
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (take("-")) {
    int count = 0;
    if (!number(count) || text.size() > 1) return std::nullopt;
    const std::uint64_t unit = text == "h"                   ? 3600
                               : text == "m"                 ? 60
                               : text == "s" || text.empty() ? 1
                                                             : 0;
    const std::uint64_t back = static_cast<std::uint64_t>(count) * unit * kSecond;
    if (unit == 0 || back > now_wall_ns) return std::nullopt;
    return now_wall_ns - back;
  }
  const auto now = static_cast<time_t>(now_wall_ns / kSecond);
  tm parts{};
  ::localtime_r(&now, &parts);
  bool has_day = take("today ");
  if (take("yesterday ")) {
    has_day = true;
    --parts.tm_mday;  // mktime() accepts the day before the first
  } else if (text.find('-') != std::string_view::npos) {
    has_day = true;
    int year = 0;
    int month = 0;
    int day = 0;
    if (!number(year) || !take("-") || !number(month) || !take("-") || !number(day) ||
        !(take(" ") || take("T")))
      return std::nullopt;
    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31)
      return std::nullopt;
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    parts.tm_mday = day;
  }
  while (take(" ")) continue;
  parts.tm_sec = 0;
  if (!number(parts.tm_hour) || !take(":") || !number(parts.tm_min)) return std::nullopt;
  if (take(":") && !number(parts.tm_sec)) return std::nullopt;
  if (!text.empty() || parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 59)
    return std::nullopt;
  parts.tm_isdst = -1;
  time_t then = ::mktime(&parts);
  if (then < 0) return std::nullopt;
  if (then > now && !has_day) then -= 86'400;  // it was yesterday
  return static_cast<std::uint64_t>(then) * kSecond;
}

bool handle_prompt(const Key& key, const Model& model, State& state, std::vector<Effect>& effects) {
  Prompt& prompt = state.prompt;
  if (prompt.kind == PromptKind::kNone) return false;
  constexpr std::size_t kLongest = 1000;
  bool changed = false;
  if (key.is_control('c')) return false;
  if (key.name == KeyName::kEnter) {
    accept(model, state, effects);
  } else if (key.name == KeyName::kEscape) {
    if (prompt.kind == PromptKind::kFilter) {
      prompt.text = prompt.before;
      try_filter(state);
    }
    prompt = {};
  } else if (key.name == KeyName::kBackspace) {
    while (!prompt.text.empty() && (static_cast<unsigned char>(prompt.text.back()) & 0xC0) == 0x80)
      prompt.text.pop_back();
    if (!prompt.text.empty()) prompt.text.pop_back();
    changed = true;
  } else if (key.is_control('u')) {
    prompt.text.clear();
    changed = true;
  } else if (key.is_control('w')) {
    while (!prompt.text.empty() && prompt.text.back() == ' ') prompt.text.pop_back();
    while (!prompt.text.empty() && prompt.text.back() != ' ') prompt.text.pop_back();
    changed = true;
  } else if (key.name == KeyName::kText && prompt.text.size() < kLongest) {
    prompt.text += key.text;
    changed = true;
  }
  if (changed) {
    prompt.error.clear();
    if (prompt.kind == PromptKind::kFilter) try_filter(state);
  }
  return true;
}

bool handle_overlay(const Key& key, const Model& model, const Screen& screen, std::uint64_t now_ns,
                    State& state, std::vector<Effect>& effects) {
  if (state.overlay == Overlay::kNone || key.is_control('c')) return false;
  const auto action = state.keys.find(key);
  if (action == Action::kSuspend || action == Action::kRedraw) return false;
  const bool is_help = state.overlay == Overlay::kHelp;
  if (state.signal.confirming && state.overlay == Overlay::kSignalMenu) {
    if (key.is("y") || key.is("Y"))
      effects.push_back({Effect::Kind::kSignal, state.signal.name, state.signal.target,
                         kSignals[state.signal.picked].number});
    state.overlay = Overlay::kNone;
    return true;
  }
  if (state.overlay == Overlay::kConfirmReset) {
    state.overlay = Overlay::kNone;
    if (key.is("y") || key.is("Y")) {
      reset_totals(model, state);
      say(state, "totals count from now on", now_ns);
    } else if (key.is("a")) {
      state.process_base.clear();
      state.flow_base.clear();
      say(state, "totals count all there was", now_ns);
    }
    return true;
  }
  const std::size_t rows = overlay_rows(state);
  const auto up = [&] {
    if (is_help)
      state.overlay_top -= state.overlay_top != 0;
    else if (rows != 0)
      state.overlay_row = (state.overlay_row + rows - 1) % rows;
  };
  const auto down = [&] {
    if (is_help)
      ++state.overlay_top;
    else if (rows != 0)
      state.overlay_row = (state.overlay_row + 1) % rows;
  };
  switch (key.name) {
    case KeyName::kUp:
    case KeyName::kWheelUp: up(); break;
    case KeyName::kDown:
    case KeyName::kWheelDown: down(); break;
    case KeyName::kPageDown:
      if (is_help) state.overlay_top += visible_rows(state);
      break;
    case KeyName::kPageUp:
      if (is_help) state.overlay_top -= std::min(state.overlay_top, visible_rows(state));
      break;
    case KeyName::kEnter:
      if (is_help)
        state.overlay = Overlay::kNone;
      else
        choose(state, effects);
      break;
    case KeyName::kClick:
    case KeyName::kDoubleClick: {
      bool hit_row = false;
      for (const Hit& hit : screen.hits) {
        if (hit.kind != Hit::Kind::kOverlayRow || hit.row != key.row || key.column < hit.from ||
            key.column >= hit.to)
          continue;
        state.overlay_row = hit.number;
        hit_row = true;
        choose(state, effects);
      }
      if (!hit_row) state.overlay = Overlay::kNone;
      break;
    }
    case KeyName::kText:
      if (action == Action::kDown) {
        down();
      } else if (action == Action::kUp) {
        up();
      } else if (key.is(" ") && !is_help && state.overlay != Overlay::kSignalMenu) {
        choose(state, effects);
      } else if (key.is("a") && state.overlay == Overlay::kEventTypes) {
        const bool all = state.hidden_events == 0;
        for (const EventKindText& each : event_kinds())
          state.hidden_events = all ? state.hidden_events | bit_of(each.kind) : 0;
        state.table().order.renew();
      } else if (key.is("a") && state.overlay == Overlay::kColumns) {
        state.asked_columns.clear();
      } else {
        state.overlay = Overlay::kNone;
      }
      break;
    default: state.overlay = Overlay::kNone; break;
  }
  return true;
}

std::vector<OptionLine> option_lines(const State& state) {
  const Settings& settings = state.settings;
  static constexpr std::array<std::string_view, 4> kUnits{"bits (SI)", "bytes (SI)", "bits (IEC)",
                                                          "bytes (IEC)"};
  const auto yes = [](bool on) -> std::string { return on ? "shown" : "hidden"; };
  const std::string_view plots = settings.plot == PlotStyle::kBraille ? "braille" : "block";
  return {
      {"Units of rates", std::string(kUnits[static_cast<std::size_t>(settings.units)])},
      {"Idle rows", yes(settings.idle)},
      {"Closed rows", yes(settings.closed)},
      {"Loopback", yes(settings.loopback)},
      {"Plots", std::string(plots)},
      {"Names of remotes", yes(settings.names)},
      {"Names of ports", yes(settings.port_names)},
      {"Theme", std::string(settings.theme)},
      {"Plots of rows", settings.own_scales ? "each its own scale" : "one scale"},
  };
}

}  // namespace sockscope::tui
