// SPDX-License-Identifier: Apache-2.0
// Events: what happened.
#include <fmt/format.h>
#include <sockscope/alert.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/timestamp.h"
#include "tui/arranger.h"
#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/view.h"
#include "tui/wide_panes.h"
#include "view/flow_text.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

constexpr ColumnSpec kColumns[] = {
    {kTime, 8, 0, 60},    {kTime, 12, 60},
    {kEvent, 7},          {kPid, 7, 60},
    {kComm, 10, 40, 120}, {kComm, 16, 120},
    {kUnit, 20, 160},     {kRemote, 21, 66, 120},
    {kRemote, 46, 120},   {kDetail, 2, 0, INT32_MAX, 1000},
};

const Alert* alert_of(const Event& event) {
  const auto* const change = std::get_if<event::AlertChange>(&event.what);
  return change ? change->alert.get() : nullptr;
}

std::string describe_alert(const Alert& alert) {
  return (alert.phase == AlertPhase::kEnded ? "over: " : "") + message(alert) + ": " +
         detail(alert);
}

Role role_of(const Event& event) {
  if (const Alert* const alert = alert_of(event))
    return alert->phase == AlertPhase::kEnded            ? Role::kText
           : alert->severity == AlertSeverity::kCritical ? Role::kBroken
                                                         : Role::kLook;
  switch (event.kind()) {
    case EventKind::kConnectFailed:
    case EventKind::kReset:
    case EventKind::kListenDrop:
    case EventKind::kGap: return Role::kBroken;
    case EventKind::kRetransmit: return Role::kLook;
    default: return Role::kText;
  }
}

CellText event_cell(const Model& model, const State& state, const LoggedEvent& logged,
                    const PlacedColumn& column) {
  const Event& event = logged.event;
  const ColumnId id = column.id();
  const bool gap = event.kind() == EventKind::kGap;
  const Alert* const alert = alert_of(event);
  if (id == kTime)
    return {time_of_day(logged.wall_ns).substr(0, static_cast<std::size_t>(column.width))};
  if (id == kEvent) return {std::string(short_event_name(event.kind())), role_of(event)};
  if (id == kDetail) {
    // On a narrow screen only the direction with more bytes is shown.
    if (event.kind() == EventKind::kClose && event.flow.has_counters && column.width < 24) {
      const Counters& c = event.flow.counters;
      const bool down = c.rx_bytes >= c.tx_bytes;
      return {fmt::format("{}{} {}", format_bytes(std::max(c.rx_bytes, c.tx_bytes)),
                          down ? "↓" : "↑", describe_duration(duration_of(event)))};
    }
    if (alert != nullptr && column.width < 40)  // other columns show who and where
      return {(alert->phase == AlertPhase::kEnded ? "over: " : "") +
              std::string(to_string(alert->kind))};
    const std::string text = describe(logged, column.width);
    const auto* const failed = std::get_if<event::ConnectFailed>(&event.what);
    // The reason is more important than how long it took.
    if (failed != nullptr && display_width(text) > static_cast<std::size_t>(column.width))
      return {std::string(failure_reason(*failed))};
    return {text};
  }
  if (gap) return {};
  if (alert != nullptr) {
    if (id == kRemote && alert->peer.port == 0)
      return {alert->peer.addr.family == 0 ? "" : to_string(alert->peer.addr)};
    if (id != kRemote && alert->owner.pid == 0) return {};
  }
  if (id == kPid) return {event.flow.owner.pid == 0 ? "?" : std::to_string(event.flow.owner.pid)};
  if (id == kUnit) return place_cell(event.flow.owner.process.get(), column);
  if (id == kRemote)
    return event_remote(model, state, event.flow, static_cast<std::size_t>(column.width));
  return flow_cell(model, state, event.flow, column);
}

constexpr FooterKey kFooter[] = {{Action::kHelp},
                                 {Action::kFilter},
                                 {Action::kEventTypes, "types"},
                                 {Action::kDetails, "connection"},
                                 {Action::kNextView},
                                 {Action::kFreeze},
                                 {Action::kWrite}};

void arrange(Arranger& a) {
  const State& state = a.state;
  const auto& log = a.model.events.all();
  const std::uint64_t last = state.is_frozen() ? state.frozen_event : a.model.events.last_number();
  for (auto each = log.rbegin(); each != log.rend(); ++each) {
    const LoggedEvent& logged = each->second;
    if (logged.number > last) continue;
    ++a.listing.candidates;
    if ((state.hidden_events & bit_of(logged.event.kind())) != 0) continue;
    if (logged.event.kind() != EventKind::kGap) {
      if (!state.filter.matches(logged.event)) continue;
      if (!state.settings.loopback && logged.event.kind() != EventKind::kAlert &&
          is_loopback(logged.event.flow)) {
        ++a.listing.loopback_hidden;
        continue;
      }
    }
    ++a.listing.matching;
    a.listing.rows.push_back({RowKey::of_event(logged.number)});
  }
}

std::string json(const Model& model, const State& state, const DocumentSource& from) {
  return write_lines(model, from, [&](EventWriter& writer, std::string& out) {
    std::size_t count = 0;
    const auto& rows = state.table().listing.rows;
    for (std::size_t i = rows.size(); i-- > 0;) {
      const LoggedEvent* logged = model.events.find(rows[i].key.a);
      if (logged == nullptr) continue;
      writer.event(logged->event, out);
      ++count;
    }
    return count;
  });
}

void draw(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  const Listing& listing = state.table().listing;
  if (!state.filter_text.empty() || frame.plot < 0) {
    draw_plot_line(model, state, frame, screen);
  } else if (state.prompt.kind == PromptKind::kNone) {
    const std::string rate =
        fmt::format("{:.0f} ev/s  lost {}", model.event_rate, model.lost.total());
    const int columns = screen.grid.size().columns;
    const int end = screen.grid.put_right(columns, frame.plot, rate,
                                          {model.lost.total() != 0 ? Role::kBroken : Role::kText});
    const std::string_view types = state.hidden_events == 0 ? "all" : "some";
    const std::string key = state.keys.key_of(Action::kEventTypes);
    const std::string_view follows = state.is_frozen()     ? "frozen"
                                     : state.follow_events ? "following newest"
                                                           : "not following";
    const std::array texts = {fmt::format("types: {} ({} picks)   {}", types, key, follows),
                              fmt::format("types: {} ({} picks)", types, key),
                              fmt::format("types: {} ({})", types, key)};
    screen.grid.put(1, frame.plot, first_that_fits(texts, end - 2), {}, end);
  }
  draw_list(
      state, frame,
      [&](const Row& row, const PlacedColumn& column) -> CellText {
        const LoggedEvent* logged = model.events.find(row.key.a);
        return logged == nullptr ? CellText{} : event_cell(model, state, *logged, column);
      },
      screen);
  const int columns = screen.grid.size().columns;
  const std::string follow =
      fmt::format("{} stops following · {} resumes", state.keys.key_of(Action::kDown),
                  state.keys.key_of(Action::kEnd));
  const std::string hidden = listing.loopback_hidden == 0
                                 ? ""
                                 : fmt::format("{} loopback hidden ({})", listing.loopback_hidden,
                                               state.keys.key_of(Action::kLoopback));
  const std::array texts = {follow + (hidden.empty() ? "" : " · ") + hidden,
                            hidden.empty() ? follow : hidden};
  const std::string_view status = first_that_fits(texts, columns - 1);
  draw_status(state, frame, status, screen);
  if (constexpr std::string_view kBuffer = "buffer 10 000 events";
      frame.status >= 0 && static_cast<int>(display_width(status) + kBuffer.size()) + 3 <= columns)
    screen.grid.put_right(columns, frame.status, kBuffer);
  if (frame.detail < 0 || listing.rows.empty()) return;
  const LoggedEvent* logged = model.events.find(listing.rows[state.table().position].key.a);
  if (logged != nullptr && logged->event.kind() == EventKind::kAlert)
    screen.grid.put(1, frame.detail, describe(logged->event));
  else if (logged != nullptr && logged->event.kind() != EventKind::kGap)
    screen.grid.put(1, frame.detail, flow_line(model, state, logged->event.flow));
}

}  // namespace

std::string_view short_event_name(EventKind kind) {
  switch (kind) {
    case EventKind::kConnectFailed: return "failed";
    case EventKind::kRetransmit: return "retrans";
    case EventKind::kListenDrop: return "dropped";
    default: return to_string(kind);
  }
}

std::string describe(const Event& event) {
  const Counters& counters = event.flow.counters;
  switch (event.kind()) {
    case EventKind::kConnect: return describe_success(std::get<event::Connect>(event.what));
    case EventKind::kAccept: return fmt::format(":{}", event.flow.local.port);
    case EventKind::kConnectFailed: return describe_failure(event);
    case EventKind::kUdpPeer:
    case EventKind::kClose:
      if (!event.flow.has_counters)
        return duration_of(event) ? describe_duration(duration_of(event)) : "";
      return fmt::format("{}↓ {}↑ {}", format_bytes(counters.rx_bytes),
                         format_bytes(counters.tx_bytes), describe_duration(duration_of(event)));
    case EventKind::kRetransmit:
      return fmt::format("{}{} #{}", short_name(event.flow.state),
                         describe_window(std::get<event::Retransmit>(event.what)),
                         counters.retransmits);
    case EventKind::kReset:
      return fmt::format("{}, {}", std::get<event::Reset>(event.what).sent ? "sent" : "received",
                         short_name(event.flow.state));
    case EventKind::kState:
      return fmt::format("{} → {}", short_name(std::get<event::StateChange>(event.what).old_state),
                         short_name(event.flow.state));
    case EventKind::kGap:
      return fmt::format("lost {}, resynced", std::get<event::Gap>(event.what).lost.total());
    case EventKind::kData: return describe_data(std::get<event::Data>(event.what));
    case EventKind::kRefused: return fmt::format(":{} no listener", event.flow.local.port);
    case EventKind::kListenDrop:
      return fmt::format(":{} {}", event.flow.local.port,
                         describe_drop(std::get<event::ListenDrop>(event.what)));
    case EventKind::kDns: return describe_dns(*std::get<event::Dns>(event.what).message);
    case EventKind::kAlert: return describe_alert(*alert_of(event));
    case EventKind::kOwner: return "uses it from now on";
    case EventKind::kProcess:  // top does not ask for them
    case EventKind::kAttempt: return "";
  }
  return "";
}

std::string describe(const LoggedEvent& logged, int columns) {
  if (logged.count == 1) return describe(logged.event);
  const std::uint64_t lasted_us = (logged.last_wall_ns - logged.wall_ns) / 1000;
  std::string lasted = lasted_us == 0 ? "at once" : "in " + format_duration_us(lasted_us);
  const auto& last = std::get<event::Retransmit>(logged.event.what);
  if (last.congestion_window != 0)
    lasted += ',' + describe_window({.congestion_window = last.congestion_window,
                                     .prior_window = logged.window_before});
  std::string text = fmt::format("{} retransmits {}", logged.count, lasted);
  return static_cast<int>(display_width(text)) <= columns
             ? text
             : fmt::format("{} {}", logged.count, lasted);
}

std::span<const EventKindText> event_kinds() {
  static constexpr EventKindText kKinds[] = {
      {EventKind::kConnect, "this host opened a connection"},
      {EventKind::kAccept, "another host opened one to this host"},
      {EventKind::kConnectFailed, "an attempt to open one was refused or not answered"},
      {EventKind::kClose, "a connection ended"},
      {EventKind::kRetransmit, "segments were sent again"},
      {EventKind::kReset, "one end broke a connection off"},
      {EventKind::kOwner, "another process uses a connection from now on"},
      {EventKind::kRefused, "somebody tried a port where nobody listens"},
      {EventKind::kListenDrop, "a listening socket had no room for another connection"},
      {EventKind::kUdpPeer, "an exchange over UDP ended (--udp-peers)"},
      {EventKind::kDns, "queries for names, and their answers"},
      {EventKind::kAlert, "a pattern that deserves a look"},
      {EventKind::kGap, "events were lost here"},
  };
  return kKinds;
}

constinit const View kEventsView = {
    .name = "events",
    .key = "4",
    .meaning = "view of events",
    .tab = "4 Events",
    .narrow_tab = "4E",
    .columns = kColumns,
    .counted = "events",
    .follows_newest = true,
    .shows_events = true,
    .footer = kFooter,
    .help = [](const State& state) -> HelpLines {
      using enum Action;
      return {{"Events: what happened, newest first; 10,000 are kept.", ""},
              {"retrans", "of a connection in quick succession one line"},
              {state.keys.key_of(Action::kEventTypes), "which types"},
              {state.keys.keys_of({kFirst, kEnd}), "follow the newest again"}};
    },
    .frame = [](Size size) { return list_frame(size, false, false); },
    .arrange = arrange,
    .draw = draw,
    .json = json,
};

}  // namespace sockscope::tui
