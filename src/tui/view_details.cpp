// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "base/timestamp.h"
#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/wide_panes.h"
#include "view/flow_text.h"
#include "view/host_text.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

constexpr ColumnSpec kFlowsOfProcess[] = {
    {kProto, 4, 60},
    {kLport, 5, 50, 110},
    {kLocal, 21, 110, kWide, 40},
    {kLocal, 21, kWide, 190, 24},
    {kLocal, 21, 190, INT32_MAX, 47},
    {kRemote, 10, 0, 60, 46},
    {kRemote, 24, 60, kWide, 46},
    {kRemote, 24, kWide, INT32_MAX, 74},
    {kState, 4, 45},
    {kAge, 8, 76},
    {kRate, 8, 20, 40},
    {kRxRate, 7, 40},
    {kTxRate, 7, 40},
    {kRxBytes, 9, 116, kWide},
    {kRxBytes, 9, 190},
    {kTxBytes, 9, 116, kWide},
    {kTxBytes, 9, 190},
    {kRtt, 6, 66},
    {kRttVariation, 6, kWide},
    {kRetransmits, 4, 80},
    {kCwnd, 5, kWide},
    {kMss, 5, kWide},
    {kSendQueue, 6, kWide},
    {kCongestionControl, 6, kWide, INT32_MAX, 10},
};

constexpr int kLeftPane = 82;

struct RateLine {
  double now = 0;
  double average = 0;  // of ten seconds
  double peak = 0;
};

RateLine rates(const Series& series, std::optional<double> now, std::size_t points_of_ten_seconds) {
  RateLine line{now.value_or(0)};
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (!series[i]) continue;
    line.peak = std::max(line.peak, *series[i]);
    if (series.size() - i <= points_of_ten_seconds + 1) {
      sum += *series[i];
      ++count;
    }
  }
  if (count != 0) line.average = sum / static_cast<double>(count);
  return line;
}

// "↓ RX  24.9 Mb/s   avg10s 23.8M   peak 31.0M   total 118.4 MB   80914 segs"
void put_rates(std::string_view arrow, Role role, const RateLine& line, std::uint64_t bytes,
               std::optional<std::uint64_t> segments, int y, const State& state, Screen& screen) {
  const Units units = state.settings.units;
  Grid& grid = screen.grid;
  grid.put(1, y, arrow, {role});
  std::string text = fmt::format("{:>10}   avg10s {:>5}   peak {:>5}   total {:>8}",
                                 rate_with_unit(line.now, units), format_rate(line.average, units),
                                 format_rate(line.peak, units), format_bytes(bytes));
  if (segments) text += fmt::format("   {} segs", *segments);
  grid.put(6, y, text);
}

// Read anew for a plot of so many cells.
template <class Read>
Series shown_series(const Model& model, const State& state, int cells, Read read) {
  const auto points = static_cast<std::size_t>(std::max(cells, 1)) * 2;
  return model.history.series(shown_index(model, state), points, plot_step(state, points), read);
}

void put_axis(int x, int y, int cells, std::uint32_t window_s, Grid& grid) {
  const std::string from = fmt::format("└ -{}s", window_s);
  const std::string middle = fmt::format("-{}s", window_s / 2);
  grid.put(x, y, from, {Role::kDim});
  if (cells > 24)
    grid.put(x + cells / 2, y, middle, {Role::kDim});
  if (cells > 12) grid.put(x + cells - 3, y, "now", {Role::kDim});
}

// One plot of rx above, tx below zero, `rows` rows each, and an axis; x is where the scale begins.
void put_plots(const Series& rx, const Series& tx, int x, int y, int cells, int rows,
               const State& state, Screen& screen) {
  Grid& grid = screen.grid;
  double top = 1;
  for (const auto& series : {rx, tx})
    for (const auto& value : series) top = std::max(top, value.value_or(0));
  const auto up = area_plot(rx, rows, top, state.settings.plot);
  const auto down = area_plot(tx, rows, top, state.settings.plot, true);
  for (int row = 0; row < 2 * rows; ++row) {
    if (row == 0 || row == 2 * rows - 1)
      grid.put_right(x + 5, y + row, format_rate(top, state.settings.units), {Role::kDim});
    grid.put(x + 6, y + row, "┤", {Role::kDim});
    const bool is_rx = row < rows;
    grid.put(x + 7, y + row, is_rx ? up[static_cast<std::size_t>(row)] : down[static_cast<std::size_t>(row - rows)],
             {is_rx ? Role::kRx : Role::kTx});
  }
  put_axis(x + 6, y + 2 * rows, cells, state.settings.window_s, grid);
}

std::string how_known(OwnerKind kind) {
  switch (kind) {
    case OwnerKind::kExact: return "seen using it";
    case OwnerKind::kInherited: return "as its listener's";
    case OwnerKind::kBootstrap: return "found holding it";
    case OwnerKind::kKernel: return "made by the kernel for itself";
    case OwnerKind::kUnknown: break;
  }
  return "not known";
}

std::string user_of(const Model& model, const std::optional<std::uint32_t>& uid) {
  if (!uid) return "uid —";
  const std::string name = model.user_name ? model.user_name(*uid) : "";
  return fmt::format("uid {}{}", *uid, name.empty() ? "" : ' ' + name);
}

std::string process_line(const Model& model, std::string_view name, ProcessId id,
                         const std::optional<std::uint32_t>& uid, const ProcessInfo* info) {
  if (id.pid == 0) return std::string(name_of(id, ""));
  std::string line = fmt::format("{} {}", name, id.pid);
  if (info != nullptr && info->inner_pid != 0)
    line += fmt::format(" ({} in its container)", info->inner_pid);
  line += "  " + user_of(model, uid);
  if (info != nullptr && info->parent_pid != 0)
    line += fmt::format("  ppid {}{}{}", info->parent_pid, info->parents.empty() ? "" : " ",
                        clean_text(info->parents));
  if (info != nullptr && info->session != 0) line += fmt::format("  session {}", info->session);
  return line;
}

std::string command_of(const ProcessInfo* info) {
  if (info == nullptr || (info->cmdline().empty() && info->exe().empty())) return "—";
  std::string line = clean_text(info->cmdline());
  if (!info->exe().empty() && !info->cmdline().starts_with(info->exe()))
    line = fmt::format("[{}] {}", clean_text(info->exe()), line);
  return line;
}

// "nginx.service", "web (docker)", "0123456789ab (containerd)  pod 6ba7b810-…"; else the path.
std::string place_of(const Process& process) {
  const ProcessInfo* info = process.info.get();
  if (info == nullptr || !info->cgroup)
    return process.cgroup_id != 0 ? fmt::format("cgroup {}", process.cgroup_id) : "—";
  if (!info->container().empty()) {
    std::string place = fmt::format("{} ({})", clean_text(info->container()),
                                    to_string(info->cgroup->runtime));
    if (!info->pod().empty()) place += "  pod " + clean_text(info->pod());
    return place;
  }
  if (!info->unit().empty()) return clean_text(info->unit());
  return info->cgroup->path.size() > 1 ? clean_text(info->cgroup->path) : "—";
}

// Whether this end is the one whose port says what is spoken.
bool serves(const Flow& flow) {
  if (flow.direction != Direction::kUnknown) return flow.direction != Direction::kOutbound;
  return flow.remote.addr.is_unspecified() || flow.local.port < flow.remote.port;
}

// " (https)"; empty: the port has no name.
std::string service_of(const Model& model, const Endpoint& end, const Flow& flow) {
  const std::string name = model.port_name ? model.port_name(end.port, flow.protocol) : "";
  return name.empty() ? name : fmt::format(" ({})", clean_text(name));
}

void label(int y, std::string_view name, std::string_view text, Grid& grid, int end = INT32_MAX) {
  grid.put(1, y, name, {Role::kTitle});
  grid.put(10, y, text, {}, end);
}

std::string known_number(const std::optional<std::uint32_t>& value) {
  return value ? std::to_string(*value) : "—";
}

// "97%" of the time that the connection was busy.
std::string share_of(const std::optional<std::uint64_t>& part,
                     const std::optional<std::uint64_t>& whole) {
  if (!part || !whole) return "—";
  if (*whole == 0) return "0%";
  return fmt::format("{:.0f}%", 100.0 * static_cast<double>(*part) / static_cast<double>(*whole));
}

// Of its life, or where it is not known how long that is, how long in all.
std::string busy_text(const TcpInternals& tcp, const std::optional<std::uint64_t>& life_us) {
  if (!tcp.busy_us) return kUnknown;
  // The kernel counts in ticks, a little more than there was time at times.
  if (life_us && *life_us != 0) return share_of(std::min(*tcp.busy_us, *life_us), life_us);
  return format_duration_us(*tcp.busy_us);
}

// "3 s", "2m10s": how long before the moment on the screen its last segment was sent again. Of what
// is no event that we had, as exactly as samples were taken; empty: it was before all of them.
std::string last_retransmit(const Model& model, const State& state, const Flow& flow) {
  const std::size_t index = shown_index(model, state);
  const std::uint64_t now = model.history[index].wall_ns;
  std::uint64_t last = 0;
  const auto& log = model.events.all();
  for (std::size_t i = log.size(); i-- > 0 && last == 0;) {
    if (state.is_frozen() && log[i].number > state.frozen_event) continue;
    const Event& event = log[i].event;
    if (event.kind == EventKind::kRetransmit && event.flow.cookie == flow.cookie)
      last = log[i].wall_ns;
  }
  for (std::size_t i = index; i > 0 && model.history[i].wall_ns > last; --i) {
    const Flow* after = model.history.find_flow(model.history[i], flow.cookie);
    const Flow* before = model.history.find_flow(model.history[i - 1], flow.cookie);
    if (after == nullptr || before == nullptr) break;
    if (after->counters.retransmits == before->counters.retransmits) continue;
    if (model.history[i - 1].wall_ns >= last) last = model.history[i].wall_ns;
    break;
  }
  if (last == 0) return "";
  const std::uint64_t seconds = now > last ? (now - last) / 1'000'000'000 : 0;
  return seconds < 60 ? fmt::format("{} s", seconds) : format_duration_us(seconds * 1'000'000);
}

void put_tcp(const Model& model, const State& state, const Flow& flow, int last, int& y,
             int right, Screen& screen) {
  const Counters& c = flow.counters;
  Grid& grid = screen.grid;
  if (flow.protocol != Protocol::kTcp) {
    if (!flow.has_counters) return;
    label(y++, "UDP", fmt::format("{} datagrams in, {} out", c.rx_segments, c.tx_segments), grid, right);
    return;
  }
  const TcpInternals* tcp = internals_of(model, state, flow);
  if (tcp != nullptr && y < last)
    label(y++, "TCP",
          fmt::format("cwnd {}  ssthresh {}  mss {}  pmtu {}  cc {}  {} {}", tcp->congestion_window,
                      known_number(tcp->slow_start_threshold), tcp->mss, tcp->path_mtu,
                      clean_text(tcp->congestion_control.data()),
                      tcp->receive_window ? "rcvwnd" : "rcvspace",
                      format_bytes(tcp->receive_window.value_or(tcp->receive_space))),
          grid, right);
  if (!flow.has_counters) return;
  if (y >= last) return;
  const double share = c.tx_segments == 0 ? 0 : c.retransmits / static_cast<double>(c.tx_segments);
  grid.put(1, y, "Loss", {Role::kTitle});
  int x = grid.put(10, y, fmt::format("retrans {} ({:.2f}% of sent)", c.retransmits, share * 100),
                   {share_role(share)});
  std::vector<std::string> more;
  if (c.retransmits != 0) {
    const std::string ago = last_retransmit(model, state, flow);
    more.push_back(ago.empty() ? "last —" : fmt::format("last {} ago", ago));
  }
  if (tcp != nullptr) {
    more.push_back("RTO " + format_duration_us(tcp->retransmit_timeout_us));
    more.push_back(fmt::format("lost {}", tcp->lost));
    more.push_back("reorder " + known_number(tcp->reorderings_seen));
    more.push_back("dsack " + known_number(tcp->duplicate_acks));
  }
  // What the line has no room for gets one more where that takes none from the events.
  const bool may_wrap = grid.size().rows >= 30;
  for (const std::string& text : more) {
    const int width = static_cast<int>(display_width(text));
    if (x + 2 + width > right) {
      if (!may_wrap || y + 1 >= last) continue;
      ++y;
      x = 8;
    }
    x = grid.put(x + 2, y, text, {}, right);
  }
  ++y;
  if (tcp != nullptr && y < last)
    label(y++, "Limit",
          fmt::format("busy {}  rwnd-limited {}  sndbuf-limited {}  notsent {}  unacked {}",
                      busy_text(*tcp, age_us(model, state, flow)),
                      share_of(tcp->receiver_limited_us, tcp->busy_us),
                      share_of(tcp->buffer_limited_us, tcp->busy_us),
                      tcp->unsent_bytes ? format_bytes(*tcp->unsent_bytes) : "—", tcp->unacked),
          grid, right);
}

}  // namespace

void draw_process_details(const Model& model, const State& state, Screen& screen) {
  Grid& grid = screen.grid;
  const Size size = grid.size();
  const Frame frame = frame_of(View::kProcess, size);
  const Sample& sample = shown_sample(model, state);
  const ProcessId id = state.process.process();
  const Process* process = model.history.find_process(sample, id);
  if (process == nullptr) {
    grid.put(1, frame.first, "This process is over, and so are its connections.",
             {Role::kDim});
    return;
  }
  const int cells = std::max(std::min(size.columns - 36, 120), 4);
  const auto read = [&](bool rx) {
    return [&model, id, rx](const Sample& s) -> std::optional<double> {
      const Process* found = model.history.find_process(s, id);
      return found == nullptr ? std::nullopt : rx ? found->rx_rate : found->tx_rate;
    };
  };
  const Series rx = shown_series(model, state, cells, read(true));
  const Series tx = shown_series(model, state, cells, read(false));
  const auto ten_seconds = static_cast<std::size_t>(
      std::max(20.0 * cells / state.settings.window_s, 1.0));
  if (size.rows >= 20) {
    grid.rule(1);
    label(2, "Process", process_line(model, process->name(), id, process->uid, process->info.get()),
          grid);
    label(3, "Command", command_of(process->info.get()), grid);
    const std::string flows = fmt::format("{} open, {} listening, {} closed", process->open_flows,
                                          process->listeners, process->closed_flows);
    label(4, "Unit", place_of(*process), grid,
          std::max(44, size.columns - static_cast<int>(flows.size()) - 2));
    grid.put_right(size.columns, 4, flows);
    grid.rule(5);
    put_rates("↓ RX", Role::kRx, rates(rx, process->rx_rate, ten_seconds), process->rx_bytes, {}, 6,
              state, screen);
    put_rates("↑ TX", Role::kTx, rates(tx, process->tx_rate, ten_seconds), process->tx_bytes, {}, 7,
              state, screen);
    put_plots(rx, tx, 0, 8, cells, 1, state, screen);
    const int x = cells + 10;
    grid.put(x, 8, fmt::format("RTT ms   mean {}", process->srtt_us == 0 ? "—" : format_ms(process->srtt_us)));
    grid.put(x, 9, fmt::format("retrans  {}", process->retransmits));
    if (process->retransmit_rate)
      grid.put(x, 10, fmt::format("         {:.1f}/s", *process->retransmit_rate),
               {*process->retransmit_rate > 1 ? Role::kBroken : Role::kText});
    grid.rule(11);
  } else if (size.rows >= 8) {
    label(1, "Process", process_line(model, process->name(), id, process->uid, process->info.get()), grid);
    put_rates("↓ RX", Role::kRx, rates(rx, process->rx_rate, ten_seconds), process->rx_bytes, {}, 2,
              state, screen);
    put_rates("↑ TX", Role::kTx, rates(tx, process->tx_rate, ten_seconds), process->tx_bytes, {}, 3,
              state, screen);
  }
  draw_list(state, frame, kFlowsOfProcess,
            [&](const Row& row, const PlacedColumn& column) {
              return flow_cell(model, state, flow_of(model, state, row), column);
            },
            screen);
  if (frame.lower_rule >= 0) grid.rule(frame.lower_rule);
}

void draw_connection_details(const Model& model, const State& state, Screen& screen) {
  Grid& grid = screen.grid;
  const Size size = grid.size();
  const Frame frame = frame_of(View::kConnection, size);
  const std::uint64_t cookie = state.connection.a;
  const Flow* flow = find_shown_flow(model, state, cookie);
  int y = 1;
  const int last = frame.lower_rule >= 0 ? frame.lower_rule : frame.footer >= 0 ? frame.footer : size.rows;
  if (flow == nullptr) {
    grid.put(1, y++, "This connection is over. Its last events:", {Role::kDim});
    draw_event_lines(model, state, cookie, 3, y, last, size.columns, screen);
    return;
  }
  const bool full = size.rows >= 20;
  // Wide screens have the events at the right, beside all else.
  const bool wide = full && size.columns >= kWide;
  const int right = wide ? kLeftPane : size.columns;
  const auto rule = [&](int at) { grid.rule(at, right); };
  const int cells = std::clamp(right - 34, 4, 120);
  const auto read = [&](bool rx) {
    return [&model, cookie, rx](const Sample& s) -> std::optional<double> {
      const Flow* found = model.history.find_flow(s, cookie);
      return found == nullptr ? std::nullopt : rx ? found->rx_rate : found->tx_rate;
    };
  };
  const Series rx = shown_series(model, state, cells, read(true));
  const Series tx = shown_series(model, state, cells, read(false));
  const Series rtt = shown_series(model, state, cells, [&](const Sample& s) -> std::optional<double> {
    const Flow* found = model.history.find_flow(s, cookie);
    if (found == nullptr || found->counters.srtt_us == 0) return std::nullopt;
    return found->counters.srtt_us;
  });
  const auto ten_seconds = static_cast<std::size_t>(
      std::max(20.0 * cells / state.settings.window_s, 1.0));
  const Counters& c = flow->counters;

  if (full) grid.rule(y++);
  if (wide) {
    for (int row = y; row < last; ++row) grid.put(right, row, "│", {Role::kDim});
    grid.put(right + 2, y, "Events (newest first)", {Role::kTitle});
    draw_event_lines(model, state, cookie, right + 2, y + 1, last, size.columns, screen);
  }
  label(y++, "Process", process_line(model, flow->owner.name(), owner_of(*flow), flow->owner.uid,
                                         flow->owner.process.get()) +
                            "  netns " + (flow->netns == model.home_netns
                                              ? "host"
                                              : std::to_string(flow->netns)),
        grid, right);
  if (full) {
    label(y++, "Command", command_of(flow->owner.process.get()), grid, right);
  }
  const bool is_served_here = serves(*flow);
  const std::string local =
      to_string(flow->local) + (is_served_here ? service_of(model, flow->local, *flow) : "");
  const std::string remote =
      flow->remote.addr.is_unspecified()
          ? "*"
          : remote_text(model, state, *flow) +
                (is_served_here ? "" : service_of(model, flow->remote, *flow));
  if (static_cast<int>(local.size() + remote.size()) + 24 <= right) {
    label(y, "Local", local, grid);
    const int x = std::max(34, 12 + static_cast<int>(local.size()));
    grid.put(x, y, "Remote", {Role::kTitle});
    grid.put(x + 8, y++, remote);
  } else {
    label(y++, "Local", local, grid);
    label(y++, "Remote", remote, grid);
  }
  if (const RemoteName* known = flow->remote_name.get()) {
    label(y++, "Name",
          clean_text(known->name) + "  " + describe_name_source(*known, moment_of(model, state, *flow)), grid,
            right);
  }
  std::string how(flow->protocol == Protocol::kTcp ? to_string(shown_state(*flow)) : "UDP");
  if (const auto age = age_us(model, state, *flow)) how += ' ' + format_duration_us(*age);
  label(y, "State", how, grid);
  if (size.columns >= 60) {
    grid.put(34, y, "Owner", {Role::kTitle});
    grid.put(42, y, how_known(flow->owner.kind));
  }
  ++y;
  if (full) rule(y++);
  if (flow->has_counters) {
    put_rates("↓ RX", Role::kRx, rates(rx, flow->rx_rate, ten_seconds), c.rx_bytes, c.rx_segments, y,
              state, screen);
    put_rates("↑ TX", Role::kTx, rates(tx, flow->tx_rate, ten_seconds), c.tx_bytes, c.tx_segments,
              y + 1, state, screen);
  } else {
    grid.put(1, y, "↓ RX", {Role::kRx});
    grid.put(6, y, fmt::format("         —   {} does not count it", model.source), {}, right);
    grid.put(1, y + 1, "↑ TX", {Role::kTx});
    grid.put(6, y + 1, "         —");
  }
  y += 2;
  if (full) {
    const int plot_rows = std::clamp((size.rows - 24) / 8 + 1, 1, 8);
    put_plots(rx, tx, 0, y, cells, plot_rows, state, screen);
    const int x = cells + 9;
    if (c.srtt_us != 0) {
      std::uint32_t worst = c.srtt_us;
      for (const auto& value : rtt)
        worst = std::max(worst, static_cast<std::uint32_t>(value.value_or(0)));
      grid.put(x, y, fmt::format("RTT ms now {:>6}", format_ms(c.srtt_us)));
      std::string range = fmt::format(
          "min {} max {}", c.min_rtt_us == 0 ? "—" : format_ms(c.min_rtt_us), format_ms(worst));
      if (const TcpInternals* tcp = internals_of(model, state, *flow))
        range += " ±" + format_ms(tcp->rtt_variance_us);
      grid.put(x, y + 1, range);
      const auto plot_cells = static_cast<std::size_t>(std::max(right - x - 1, 0));
      const std::size_t points = std::min(plot_cells * 2, rtt.size());
      grid.put(x, y + 2, sparkline(std::span(rtt).last(points), state.settings.plot));
    }
    y += 2 * plot_rows + 1;
    rule(y++);
  }
  put_tcp(model, state, *flow, last, y, right, screen);
  if (full) rule(y++);
  if (wide) return grid.rule(frame.lower_rule);
  if (y < last) grid.put(1, y++, "Events (newest first)", {Role::kTitle});
  draw_event_lines(model, state, cookie, 3, y, last, size.columns, screen);
  if (frame.lower_rule >= 0) grid.rule(frame.lower_rule);
}

std::span<const ColumnSpec> columns_of(View view) {
  switch (view) {
    case View::kProcesses: return process_columns();
    case View::kConnections: return flow_columns();
    case View::kHosts: return host_columns();
    case View::kProcess: return kFlowsOfProcess;
    case View::kThisHost: return interface_columns();
    case View::kEvents:
    case View::kConnection: break;
  }
  return event_columns();
}

}  // namespace sockscope::tui
