// SPDX-License-Identifier: Apache-2.0
#include "tui/wide_panes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "base/timestamp.h"
#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/view.h"
#include "view/host_text.h"

namespace sockscope::tui {
namespace {

constexpr int kRightPane = 82;  // columns of the pane beside the plots
constexpr std::uint64_t kMinute = 60'000'000'000;

double largest(const Series& series) {
  double top = 0;
  for (const auto& value : series) top = std::max(top, value.value_or(0));
  return top;
}

std::string percentile(std::vector<std::uint32_t>& values, std::size_t percent) {
  if (values.empty()) return "—";
  const std::size_t at = (values.size() * percent + 99) / 100 - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return format_ms(values[at]);
}

struct ConnectionSums {
  std::size_t tcp = 0, established = 0, listening = 0, time_wait = 0, udp = 0;
  std::vector<std::uint32_t> rtts;
};

ConnectionSums connection_sums(const Model& model, const State& state) {
  ConnectionSums sums;
  for (const std::uint32_t index : shown_sample(model, state).flows) {
    const Flow& flow = model.history.flow(index);
    if (!in_scope(state, flow) || !state.filter.matches(flow)) continue;
    if (flow.state == TcpState::kTimeWait) {
      ++sums.tcp;
      ++sums.time_wait;
      continue;
    }
    if (flow.closed || flow.peer_of != 0) continue;
    if (flow.protocol == Protocol::kUdp) {
      ++sums.udp;
      continue;
    }
    ++sums.tcp;
    if (flow.state == TcpState::kEstablished) ++sums.established;
    if (flow.direction == Direction::kListen) ++sums.listening;
    if (flow.counters.srtt_us != 0) sums.rtts.push_back(flow.counters.srtt_us);
  }
  return sums;
}

// "0.2/s", "0.02/s", "0/s".
std::string per_second(double rate) {
  return rate == 0      ? "0/s"
         : rate < 0.095 ? fmt::format("{:.2f}/s", std::max(rate, 0.01))
                        : fmt::format("{:.1f}/s", rate);
}

// How many connections listening sockets dropped in the minute before the reading on the screen, or
// since the first reading; empty: not known.
std::optional<std::uint64_t> listen_drops(const Model& model, const State& state) {
  const auto index = reading_index(model, state);
  if (!index) return std::nullopt;
  const HostReading& now = model.host_readings[*index];
  std::size_t from = *index;
  while (from > 0 && now.mono_ns - model.host_readings[from].mono_ns < kMinute) --from;
  const auto& before = model.host_readings[from].facts.listen_drops;
  const auto& after = now.facts.listen_drops;
  if (from == *index || !before || !after || *after < *before) return std::nullopt;
  return *after - *before;
}

// Connections by state, round trip times, and problems. Two lines, from x to the edge.
void draw_health(const Model& model, const State& state, int x, int y, Screen& screen) {
  Grid& grid = screen.grid;
  ConnectionSums sums = connection_sums(model, state);
  const std::string rtt = fmt::format("RTT p50 {} p95 {} p99 {} ms", percentile(sums.rtts, 50),
                                      percentile(sums.rtts, 95), percentile(sums.rtts, 99));
  // Parts without enough room are left out as a whole.
  for (const std::string& sockets :
       {fmt::format("TCP {} (EST {} LISTEN {} TW {})  UDP {}  ", sums.tcp, sums.established,
                    sums.listening, sums.time_wait, sums.udp),
        fmt::format("TCP {} (EST {} TW {})  UDP {}  ", sums.tcp, sums.established, sums.time_wait,
                    sums.udp),
        fmt::format("TCP {}  UDP {}  ", sums.tcp, sums.udp)}) {
    if (x + static_cast<int>(sockets.size() + display_width(rtt)) > grid.size().columns) continue;
    grid.put(x, y, sockets + rtt);
    break;
  }

  std::size_t resets = 0, failed = 0;
  const Sample& sample = shown_sample(model, state);
  const auto& log = model.events.all();
  for (auto each = log.rbegin(); each != log.rend(); ++each) {
    const LoggedEvent& logged = each->second;
    if (logged.wall_ns > sample.wall_ns) continue;
    if (sample.wall_ns - logged.wall_ns > kMinute) break;
    if (!in_scope(state, logged.event.flow) || !state.filter.matches(logged.event)) continue;
    resets += logged.event.kind() == EventKind::kReset;
    failed += logged.event.kind() == EventKind::kConnectFailed;
  }
  const double watched =
      std::clamp(static_cast<double>(sample.mono_ns - model.history[0].mono_ns) / 1e9, 1.0, 60.0);
  // Connections have no rates of segments, so it is not known for a selection.
  const auto share =
      selection_text(state).empty() ? sample.retransmit_share() : std::optional<double>();
  const auto drops = listen_drops(model, state);
  struct Part {
    std::string text;
    Role role;
  };
  const std::array<Part, 4> parts = {{
      {"Retrans " + share_text(share, sample.tx_segments()) +
           (share ? fmt::format(" ({:.1f}/s)", sample.retransmit_rate) : ""),
       share_role(share.value_or(0), sample.tx_segments())},
      {"Resets " + per_second(static_cast<double>(resets) / watched), Role::kText},
      {fmt::format("Failed connects {}/min", failed), failed != 0 ? Role::kLook : Role::kText},
      {"Listen drops " + (drops ? fmt::format("{}/min", *drops) : std::string(kUnknown)),
       drops.value_or(0) != 0 ? Role::kBroken : Role::kText},
  }};
  int words = 0;
  for (const Part& part : parts) words += static_cast<int>(display_width(part.text));
  const int gap = std::clamp((grid.size().columns - x - words) / 3, 1, 3);
  for (const Part& part : parts) x = grid.put(x, y + 1, part.text, {part.role}) + gap;
}

// The busiest interfaces, in the pane beside the plots.
void draw_interface_pane(const Model& model, const State& state, int x, int y, int rows,
                         Screen& screen) {
  const auto index = reading_index(model, state);
  if (!index) return;
  Grid& grid = screen.grid;
  const Units units = state.settings.units;
  std::vector<const Interface*> busiest;
  for (const Interface& interface : model.host_readings[*index].facts.interfaces)
    if (!interface.is_loopback || state.settings.loopback) busiest.push_back(&interface);
  const auto rate = [](const Interface* interface) {
    return interface->rx_rate.value_or(0) + interface->tx_rate.value_or(0);
  };
  std::stable_sort(busiest.begin(), busiest.end(), [&](const Interface* a, const Interface* b) {
    return a->is_up != b->is_up ? a->is_up : rate(a) > rate(b);
  });
  // Since the previous reading.
  const auto drop_rate = [&](const Interface& now) -> std::string {
    const Interface* before =
        *index == 0 ? nullptr : find_interface(model.host_readings[*index - 1], now.index);
    const double seconds = model.host_readings[*index].interval_s.value_or(0);
    if (before == nullptr || seconds <= 0) return kUnknown;
    const auto drops = [](const Interface& i) { return i.counters.rx_drops + i.counters.tx_drops; };
    if (drops(now) < drops(*before)) return kUnknown;
    const double dropped = static_cast<double>(drops(now) - drops(*before)) / seconds;
    if (dropped == 0) return "0";
    return (dropped < 10 ? fmt::format("{:.1f}", dropped) : format_rate(dropped, Units::kBytes)) +
           '!';
  };
  const auto line = [&](std::string_view name, std::string_view link, std::string_view rx,
                        std::string_view tx, std::string_view use, std::string_view drops,
                        Role role) {
    grid.put(x, y, shorten_right(clean_text(name), 15), {role});
    grid.put_right(x + 22, y, link, {role});
    grid.put_right(x + 31, y, rx, {role});
    grid.put_right(x + 40, y, tx, {role});
    grid.put_right(x + 46, y, use, {role});
    grid.put_right(x + 55, y, drops, {drops.ends_with("!") ? Role::kLook : role});
    ++y;
  };
  line("INTERFACE", "LINK", "↓RX/s", "↑TX/s", "USE%", "DROP/s", Role::kTitle);
  for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(rows) && i < busiest.size(); ++i) {
    const Interface& each = *busiest[i];
    const auto use = use_of(each);
    line(each.name, each.is_up ? speed_text(each) : "down", rate_text(each.rx_rate, units),
         rate_text(each.tx_rate, units), use ? fmt::format("{:.0f}", *use) : kUnknown,
         drop_rate(each), Role::kText);
  }
}

}  // namespace

std::string held_text(const Model& model, const State& state) {
  const Table& table = state.table();
  const std::uint64_t seconds = table.touched ? table.order.held_seconds(model.now_ns) : 0;
  return seconds == 0 ? "" : fmt::format(" · order held {}s", seconds);
}

std::uint64_t plot_step(const State& state, std::size_t points) {
  return std::max<std::uint64_t>(
      state.settings.window_s * 1'000'000'000ull / std::max<std::size_t>(points, 1), 500'000'000);
}

void draw_mirror(const Series& rx, const Series& tx, const MirrorPlot& place, const State& state,
                 Screen& screen) {
  Grid& grid = screen.grid;
  const double top = std::max({largest(rx), largest(tx), 1.0});
  const std::string scale = format_rate(top, state.settings.units);
  const auto up = area_plot(rx, place.rows, top, state.settings.plot);
  const auto down = area_plot(tx, place.rows, top, state.settings.plot, true);
  for (int row = 0; row < 2 * place.rows; ++row) {
    const int y = place.y + row;
    const bool is_rx = row < place.rows;
    const std::string label = row == 0 || row == 2 * place.rows - 1 ? scale
                              : place.has_zero && (row == place.rows - 1 || row == place.rows) ? "0"
                                                                                               : "";
    grid.put_right(place.x + 5, y, label, {Role::kDim});
    grid.put(place.x + 6, y, label == "0" ? "┼" : "┤", {Role::kDim});
    const auto& line = is_rx ? up[static_cast<std::size_t>(row)]
                             : down[static_cast<std::size_t>(row - place.rows)];
    grid.put(place.x + 7, y, line, {is_rx ? Role::kRx : Role::kTx}, place.end);
  }
}

void draw_host_panes(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  Grid& grid = screen.grid;
  const int columns = grid.size().columns;
  const std::size_t index = shown_index(model, state);
  const int split = columns - kRightPane;
  const int cells = split - 10;
  const auto points = static_cast<std::size_t>(cells) * 2;
  const std::uint64_t step = plot_step(state, points);
  const Series rx =
      model.history.series(index, points, step, [](const Sample& s) { return rx_of(s); });
  const Series tx =
      model.history.series(index, points, step, [](const Sample& s) { return tx_of(s); });
  const Units units = state.settings.units;
  const FlowTotals totals = shown_totals(model, state);
  // The plots stay those of the host: a filter is not applied to samples that have passed.
  const std::string peak = selection_text(state).empty() ? "peak" : "plot: all, peak";
  int y = frame.plot;
  int x = grid.put(1, y, "↓ RX ", {Role::kRx});
  grid.put(x, y,
           fmt::format("{:<9}   {} {:<5}   {} s", rate_with_unit(totals.rx_rate, units), peak,
                       format_rate(largest(rx), units), state.settings.window_s));
  draw_mirror(rx, tx, {1, split - 1, y + 1, (frame.plot_rows - 2) / 2}, state, screen);
  const int last = y + frame.plot_rows - 1;
  x = grid.put(1, last, "↑ TX ", {Role::kTx});
  grid.put(x, last,
           fmt::format("{:<9}   {} {:<5}   same scale as RX", rate_with_unit(totals.tx_rate, units),
                       peak, format_rate(largest(tx), units)));
  for (int row = 0; row < frame.plot_rows; ++row) grid.put(split, y + row, "│", {Role::kDim});
  // Below: the interfaces; the last two rows are about the health of connections.
  int first = y;
  if (const std::string selection = selection_text(state);
      !selection.empty() && state.prompt.kind == PromptKind::kNone) {
    const Listing& listing = state.table().listing;
    const bool is_scope = state.scope.exists();
    const std::string all = state.keys.key_of(action_of(kConnectionsView));
    grid.put(
        split + 2, first++,
        fmt::format("{}   {} of {}   ({} {}{})", selection, listing.matching, listing.candidates,
                    state.keys.key_of(Action::kBack), is_scope ? "back" : "clears",
                    is_scope && !all.empty() ? fmt::format(", {} all", all) : ""),
        {Role::kTitle});
  }
  const int health = y + frame.plot_rows - 2;
  draw_interface_pane(model, state, split + 2, first, health - first - 1, screen);
  draw_health(model, state, split + 2, health, screen);
  grid.rule(frame.plot + frame.plot_rows);
}

std::optional<double> use_of(const Interface& interface) {
  if (!interface.rx_rate || !interface.tx_rate || interface.speed_bits.value_or(0) == 0)
    return std::nullopt;
  return std::max(*interface.rx_rate, *interface.tx_rate) * 800 /
         static_cast<double>(*interface.speed_bits);
}

void draw_event_lines(const Model& model, const State& state, std::uint64_t cookie, int x, int y,
                      int end_row, int end_column, Screen& screen) {
  const auto& log = model.events.all();
  const bool is_past = state.is_frozen() && state.opened.find(cookie) == nullptr;
  const std::uint64_t last = is_past ? state.frozen_event : model.events.last_number();
  for (auto each = log.rbegin(); each != log.rend() && y < end_row; ++each) {
    const LoggedEvent& logged = each->second;
    if (logged.number > last) continue;
    const Flow& flow = logged.event.flow;
    if (cookie != 0 && flow.cookie != cookie) continue;
    const bool is_of_flow =
        logged.event.kind() != EventKind::kGap && logged.event.kind() != EventKind::kAlert;
    if (cookie == 0 && !state.settings.loopback && is_of_flow && is_loopback(flow)) continue;
    std::string line = time_of_day(logged.wall_ns) +
                       fmt::format("  {:<10}", short_event_name(logged.event.kind()));
    if (cookie == 0 && is_of_flow)
      line += fmt::format("{:>8} {} {} ", flow.owner.pid,
                          pad_right(shorten_right(clean_text(flow.owner.name()), 18), 18),
                          pad_right(event_remote(model, state, flow, 46).text, 46));
    const auto* const again = std::get_if<event::Retransmit>(&logged.event.what);
    if (cookie != 0 && again && again->congestion_window != 0 && logged.count == 1)
      line += fmt::format("seq {}  ", again->sequence);
    line += describe(logged, end_column - x - static_cast<int>(display_width(line)));
    screen.grid.put(x, y++, line, {}, end_column);
  }
}

void draw_process_panes(const Model& model, const State& state, const Frame& frame,
                        Screen& screen) {
  Grid& grid = screen.grid;
  const int columns = grid.size().columns;
  const View& pane = *state.view->pane;
  int y = frame.pane;
  grid.rule(y++);
  const Process* process =
      state.process.exists()
          ? model.history.find_process(shown_sample(model, state), state.process.process())
          : nullptr;
  const int middle = frame.pane + frame.pane_rows - pane_event_rows(frame);
  if (process != nullptr) {
    const Table& table = state.table_of(pane);
    const std::string title =
        fmt::format("Connections of {} {} ({})", clean_text(name_of(*process)), process->pid,
                    table.listing.rows.size());
    const bool has_focus = &focused_view(state) == &pane;
    const int title_end = grid.put(1, y, title, {Role::kTitle});
    std::string hints;
    if (const std::string tab = state.keys.key_of(Action::kNextView); !tab.empty())
      hints = fmt::format("{} moves focus {}", tab, has_focus ? "back" : "here");
    if (const std::string view = state.keys.key_of(action_of(kConnectionsView)); !view.empty())
      hints += fmt::format("{}{} opens full view", hints.empty() ? "" : ", ", view);
    if (!hints.empty()) grid.put(title_end, y, " — " + hints, {Role::kDim});
    grid.put_right(columns, y++, "sort " + heading_of_sort(state, pane));
    draw_pane_list(
        state, y, frame,
        [&](const Row& row, const PlacedColumn& column) {
          return flow_cell(model, state, flow_of(model, state, row), column);
        },
        screen);
  }
  grid.rule(middle);
  const std::string loopback = state.keys.key_of(Action::kLoopback);
  const int end = grid.put(1, middle + 1, "Events", {Role::kTitle});
  if (!state.settings.loopback && !loopback.empty())
    grid.put(end + 1, middle + 1, fmt::format("without loopback, {} shows it", loopback),
             {Role::kDim});
  draw_event_lines(model, state, 0, 2, middle + 2, frame.pane + frame.pane_rows, columns, screen);
}

}  // namespace sockscope::tui
