// SPDX-License-Identifier: Apache-2.0
// One alert: what it says, of whom, and when. Opened where neither its process nor its connections
// are on the screen.
#include <fmt/format.h>
#include <sockscope/alert.h>

#include <algorithm>

#include "base/text.h"
#include "base/timestamp.h"
#include "tui/details.h"
#include "tui/flow_cells.h"
#include "tui/view.h"

namespace sockscope::tui {
namespace {

constexpr FooterKey kFooter[] = {
    {Action::kBack}, {Action::kCopy}, {Action::kFreeze}, {Action::kWrite}, {Action::kHelp}};

// As it is now or, if that is no longer kept, as it was when it was opened; null: none was opened.
const Alert* shown_alert(const Model& model, const State& state) {
  const Alert* const now = find_alert(model, state.alert);
  return now != nullptr ? now : state.opened_alert.get();
}

// "14:03:22.118"
std::string time_text(const Model& model, std::uint64_t mono_ns) {
  const Sample& newest = model.history.newest();
  return time_of_day(newest.wall_ns - newest.mono_ns + mono_ns);
}

std::string ended_text(const Model& model, const Alert& alert) {
  return alert.ended_ns == 0 ? "still active" : time_text(model, alert.ended_ns);
}

std::string severity_text(const Alert& alert) {
  return fmt::format("{}{}", to_string(alert.severity), alert.ended_ns == 0 ? "" : ", over");
}

std::string peer_text(const Alert& alert) {
  return alert.peer.port != 0 ? to_string(alert.peer) : to_string(alert.peer.addr);
}

void draw(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  Grid& grid = screen.grid;
  const Alert* const alert = shown_alert(model, state);
  const int last = frame.lower_rule >= 0 ? frame.lower_rule
                   : frame.footer >= 0   ? frame.footer
                                         : grid.size().rows;
  int y = 1;
  if (grid.size().rows >= 20) grid.rule(y++);
  const auto put = [&](std::string_view name, const std::string& text) {
    constexpr int kIndent = 11;
    const auto room = static_cast<std::size_t>(std::max(grid.size().columns - kIndent, 1));
    for (const std::string& line : wrap(clean_text(text), room)) {
      if (y >= last) return;
      put_fact(y++, std::exchange(name, ""), line, grid);
    }
  };
  if (alert != nullptr) {
    put("What", message(*alert));
    put("Evidence", detail(*alert));
    put("First", time_text(model, alert->first_ns));
    put("Last", time_text(model, alert->last_ns));
    put("Ended", ended_text(model, *alert));
    put("Kind", fmt::format("{}, {}", to_string(alert->kind), severity_text(*alert)));
    if (alert->owner.pid != 0) {
      const ProcessId id{alert->owner.pid, alert->owner.start_ns};
      put("Process", process_line(model, alert->owner.name(), id, alert->owner.uid,
                                  alert->owner.process.get()));
      put("Command", command_of(alert->owner.process.get()));
      if (model.history.find_process(shown_sample(model, state), id) == nullptr)
        put("", "it is over, or has no socket: it is not among the processes of this moment");
    }
    if (alert->peer.addr.family != 0) put("Peer", peer_text(*alert));
  }
  if (frame.lower_rule >= 0) grid.rule(frame.lower_rule);
}

std::string json(const Model& model, const State& state, const DocumentSource& from) {
  std::string out;
  EventWriter writer(from.clock_offset_ns);
  writer.start(from.host, model.now_wall_ns, from.source, model.doors, out);
  const Alert* const alert = shown_alert(model, state);
  if (alert != nullptr) writer.alert(*alert, out);
  writer.end(model.now_wall_ns, alert == nullptr ? 0 : 1, model.lost, out);
  return out;
}

}  // namespace

constinit const View kAlertView = {
    .shows_events = true,
    .subject = &State::alert,
    .footer = kFooter,
    .help = [](const State&) -> HelpLines {
      return {{"One alert: what happens, of whom, and when it began.", ""}};
    },
    .crumbs = [](const Model& model, const State& state) -> std::string {
      const Alert* const alert = model.history.empty() ? nullptr : shown_alert(model, state);
      return fmt::format("▸ Alerts ▸ {}", alert == nullptr ? "—" : to_string(alert->kind));
    },
    .frame = details_frame,
    .draw = draw,
    .json = json,
};

}  // namespace sockscope::tui
