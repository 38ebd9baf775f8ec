// SPDX-License-Identifier: Apache-2.0
// This host: interfaces, system, disks, gateway and DNS.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "format/host_json.h"
#include "tui/arranger.h"
#include "tui/row_plots.h"
#include "tui/rows.h"
#include "tui/view.h"
#include "tui/wide_panes.h"
#include "view/host_text.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

constexpr ColumnSpec kColumns[] = {
    {kInterface, 9, 0, 40, 15},
    {kInterface, 11, 40, INT32_MAX, 15},
    {kLink, 4, 34},
    {kSpeed, 5, 54},
    {kRate, 8, 20, 40},
    {kRxRate, 7, 40},
    {kTxRate, 7, 40},
    {kUse, 4, 90},
    {kRxBytes, 9, 120},
    {kTxBytes, 9, 120},
    {kErrors, 5, 60},
    {kDrops, 5, 60},
    {kSpark, 12, 70, INT32_MAX, 30},
    {kAddresses, 13, 80, INT32_MAX, 60},
};

constexpr ColumnSpec kDiskColumns[] = {
    {kMount, 12, 0, 40, 60},
    {kMount, 20, 40, INT32_MAX, 60},
    {kSize, 9, 60},
    {kUsed, 9, 40},
    {kAvailable, 9, 50},
    {kUsage, 5},
    {kDevice, 16, 70, INT32_MAX, 40},
};

constexpr FooterKey kFooter[] = {{Action::kHelp},     {Action::kSort},
                                 {Action::kNextView}, {Action::kFreeze},
                                 {Action::kUnits},    {Action::kZoomIn, "plots", Action::kZoomOut},
                                 {Action::kWrite}};

constexpr double kNearlyFull = 90;  // percent

std::string joined_addresses(const Interface& interface) {
  std::string text;
  for (const InterfaceAddress& address : interface.addresses)
    text += (text.empty() ? "" : " ") + to_string(address);
  return text;
}

// Draws the lines at the top; x to end, y downwards.
class Facts {
 public:
  Facts(const Model& model, const State& state, std::size_t index, Screen& screen)
      : model_(model),
        state_(state),
        index_(index),
        reading_(model.host_readings[index]),
        grid_(screen.grid) {}

  // Everything in one or two lines.
  void draw_short(int y, int rows) {
    const SystemFacts& system = reading_.facts.system;
    std::string line = fmt::format("cpu {}", percent(system.cpu_usage_pct));
    line += fmt::format("  mem {}", percent(memory_share()));
    if (system.load_1m) line += fmt::format("  load {:.2f}", *system.load_1m);
    grid_.put(1, y, line);
    if (rows < 2) return;
    int x = grid_.put(1, y + 1, "gateway ");
    x = put_probe(x, y + 1, reading_.facts.gateway, grid_.size().columns);
    x = grid_.put(x + 2, y + 1, "dns ");
    if (const auto asked = asked_server())
      grid_.put(x, y + 1, answers_text(*asked), {role_of(*asked)});
    else
      put_probe(x, y + 1, reading_.facts.dns, grid_.size().columns);
  }

  void draw_system(int x, int end, int y) {
    const SystemFacts& system = reading_.facts.system;
    const int text = label(x, y, "CPU");
    grid_.put(text, y, percent(system.cpu_usage_pct), {busy(system.cpu_usage_pct)}, end);
    std::string load = "load";
    for (const auto& value : {system.load_1m, system.load_5m, system.load_15m})
      load += value ? fmt::format(" {:.2f}", *value) : std::string(" ") + kUnknown;
    const int load_at = end - static_cast<int>(display_width(load)) - 1;
    if (load_at > text + 8) {
      grid_.put(load_at, y, load, {}, end);
      grid_.put(text + 8, y,
                plot(load_at - text - 10, 100,
                     [](const HostReading& reading) { return reading.facts.system.cpu_usage_pct; }),
                {}, end);
    }
    draw_cores(x, end, y + 1);
    label(x, y + 2, "Memory");
    const auto share = memory_share();
    int at = grid_.put(text, y + 2,
                       fmt::format("{} of {}", bytes_text(system.memory_used_bytes),
                                   bytes_text(system.memory_total_bytes)),
                       {busy(share)}, end);
    grid_.put(at, y + 2,
              fmt::format(" ({}), {} avail  swap {} of {}", percent(share),
                          bytes_text(system.memory_available_bytes),
                          bytes_text(system.swap_used_bytes), bytes_text(system.swap_total_bytes)),
              {}, end);
    draw_probe(x, end, y + 3, "Gateway", reading_.facts.gateway);
    const auto asked = asked_server();
    if (!asked) return draw_probe(x, end, y + 4, "DNS", reading_.facts.dns);
    at = grid_.put(label(x, y + 4, "DNS"), y + 4, asked->server, {}, end);
    grid_.put(at + 2, y + 4, answers_text(*asked), {role_of(*asked)}, end);
  }

  // The bytes of the interfaces compared with those of the processes.
  void draw_sums(int x, int end, int y) {
    grid_.put(x, y, "SUMS", {Role::kTitle}, end);
    grid_.put_right(x + 24, y, "↓RX/s", {Role::kTitle});
    grid_.put_right(x + 33, y, "↑TX/s", {Role::kTitle});
    if (!reading_.bytes) {
      const bool first = !reading_.interval_s;
      grid_.put(x, y + 1,
                first || model_.host_readings.size() < 3
                    ? "measuring …"
                    : "not known: the processes were not read at the same moments",
                {Role::kDim}, end);
      return;
    }
    const Reconciliation& bytes = *reading_.bytes;
    std::string counted;
    for (const std::string& name : bytes.counted) counted += (counted.empty() ? "" : " ") + name;
    put_sum(x, end, y + 1, "on interfaces", static_cast<double>(bytes.interface_rx_bytes),
            static_cast<double>(bytes.interface_tx_bytes), counted);
    put_sum(x, end, y + 2, "of processes", static_cast<double>(bytes.process_rx_bytes),
            static_cast<double>(bytes.process_tx_bytes), "payload");
    put_sum(x, end, y + 3, "unexplained", static_cast<double>(bytes.unexplained_rx_bytes),
            static_cast<double>(bytes.unexplained_tx_bytes),
            "headers, forwarded, other namespaces, kernel");
  }

 private:
  static std::string percent(const std::optional<double>& value) {
    return value ? fmt::format("{:.1f} %", *value) : kUnknown;
  }
  static Role busy(const std::optional<double>& value) {
    return value.value_or(0) >= kNearlyFull ? Role::kLook : Role::kText;
  }
  std::optional<double> memory_share() const {
    const SystemFacts& system = reading_.facts.system;
    if (!system.memory_used_bytes || system.memory_total_bytes.value_or(0) == 0)
      return std::nullopt;
    return 100.0 * static_cast<double>(*system.memory_used_bytes) /
           static_cast<double>(*system.memory_total_bytes);
  }

  // The name server that processes asked most in the last minute, as they saw it answer. Our own
  // echoes, if they are asked for, say more about the way to it.
  std::optional<NameServerHealth> asked_server() const {
    if (reading_.facts.probes || state_.is_frozen()) return std::nullopt;
    const auto servers = model_.remotes.name_servers(model_.history.newest().mono_ns);
    return servers.empty() ? std::nullopt : std::optional(servers[0]);
  }
  static Role role_of(const NameServerHealth& health) {
    return health.answered == 0                      ? Role::kBroken
           : health.refused + health.unanswered != 0 ? Role::kLook
                                                     : Role::kText;
  }

  int label(int x, int y, std::string_view name) {
    grid_.put(x, y, name, {Role::kTitle});
    return x + 9;
  }

  template <class Read>
  std::string plot(int cells, double least_top, Read read) const {
    const auto points = static_cast<std::size_t>(std::max(cells, 1)) * 2;
    return sparkline(model_.host_readings.series(index_, points, plot_step(state_, points), read),
                     state_.settings.plot, least_top);
  }

  // Figures if they fit, otherwise a bar for each core.
  void draw_cores(int x, int end, int y) {
    const std::vector<double>& cores = reading_.facts.system.cpu_per_core;
    const int text = label(x, y, "Cores");
    if (static_cast<int>(cores.size()) * 4 <= end - text) {
      std::string line;
      for (const double core : cores) line += fmt::format("{:>3.0f} ", core);
      grid_.put(text, y, line, {}, end);
      return;
    }
    std::vector<std::optional<double>> twice;
    for (const double core : cores) twice.insert(twice.end(), 2, core);
    grid_.put(text, y, sparkline(twice, PlotStyle::kBlock, 100), {}, end);
  }

  // Returns the column after it.
  int put_probe(int x, int y, const ProbeHealth& health, int end) {
    const Role role = !health.problem.empty()              ? Role::kDim
                      : health.loss_pct.value_or(0) >= 100 ? Role::kBroken
                      : health.loss_pct.value_or(0) > 0    ? Role::kLook
                                                           : Role::kText;
    return grid_.put(x, y, probe_text(health), {role}, end);
  }

  void draw_probe(int x, int end, int y, std::string_view name, const ProbeHealth& health) {
    int at = label(x, y, name);
    if (health.target) at = grid_.put(at, y, to_string(*health.target), {}, end) + 2;
    at = std::max(put_probe(at, y, health, end) + 2, x + 42);
    const int room = end - at - 1;
    if (room < 8 || health.rtt_history.empty()) return;
    // A cell shows two rounds; a round without an answer leaves a gap.
    const std::size_t cells = static_cast<std::size_t>(std::min(room, 30));
    Series series(cells * 2);
    const auto& history = health.rtt_history;
    const std::size_t shown = std::min(series.size(), history.size());
    std::copy(history.end() - static_cast<std::ptrdiff_t>(shown), history.end(),
              series.end() - static_cast<std::ptrdiff_t>(shown));
    grid_.put(at, y, sparkline(series, state_.settings.plot), {}, end);
  }

  void put_sum(int x, int end, int y, std::string_view name, double rx, double tx,
               std::string_view note) {
    const double seconds = std::max(reading_.bytes->interval_s, 1e-9);
    const auto rate = [&](double bytes) {
      const std::string text = format_rate(std::abs(bytes) / seconds, state_.settings.units);
      return (bytes < 0 && text != "0" ? "-" : "") + text;
    };
    grid_.put(x, y, name, {}, end);
    grid_.put_right(x + 24, y, rate(rx));
    grid_.put_right(x + 33, y, rate(tx));
    grid_.put(x + 35, y, note, {Role::kDim}, end);
  }

  const Model& model_;
  const State& state_;
  std::size_t index_;
  const HostReading& reading_;
  Grid& grid_;
};

// The value that interfaces are ordered by; for the name none, which keeps the kernel's order.
CellValue interface_value(ColumnId column, const Interface& interface) {
  const InterfaceCounters& counters = interface.counters;
  const auto known = [](const auto& value) { return value ? CellValue(*value) : CellValue(); };
  switch (column) {
    case kLink: return std::string(interface.is_up ? "up" : "down");
    case kSpeed: return known(interface.speed_bits);
    case kRxRate: return known(interface.rx_rate);
    case kTxRate: return known(interface.tx_rate);
    case kRate:
      if (!interface.rx_rate || !interface.tx_rate) return {};
      return *interface.rx_rate + *interface.tx_rate;
    case kUse: return known(use_of(interface));
    case kRxBytes: return counters.rx_bytes;
    case kTxBytes: return counters.tx_bytes;
    case kErrors: return counters.rx_errors + counters.tx_errors;
    case kDrops: return counters.rx_drops + counters.tx_drops;
    default: return {};
  }
}

CellText interface_cell(const Model& model, const State& state, std::size_t index,
                        const Interface& interface, const PlacedColumn& column) {
  const ColumnId id = column.id();
  const InterfaceCounters& counters = interface.counters;
  // A count that grew since the previous reading deserves a look.
  const auto count = [&](std::uint64_t InterfaceCounters::*rx,
                         std::uint64_t InterfaceCounters::*tx) {
    const std::uint64_t now = counters.*rx + counters.*tx;
    const Interface* before =
        index == 0 ? nullptr : find_interface(model.host_readings[index - 1], interface.index);
    const bool grew = before != nullptr && before->counters.*rx + before->counters.*tx < now;
    std::string text = std::to_string(now);
    if (text.size() > 4) text = format_rate(static_cast<double>(now), Units::kBytes);
    return CellText{text + (grew ? "!" : ""), grew ? Role::kLook : Role::kText};
  };
  switch (id) {
    case kInterface: return {interface.name};
    case kSpeed: return {speed_text(interface)};
    case kErrors: return count(&InterfaceCounters::rx_errors, &InterfaceCounters::tx_errors);
    case kDrops: return count(&InterfaceCounters::rx_drops, &InterfaceCounters::tx_drops);
    case kAddresses: return {joined_addresses(interface)};
    case kUse: {
      const auto use = use_of(interface);
      if (!use) return {kUnknown};
      return {fmt::format("{:.0f}", *use), *use >= kNearlyFull ? Role::kLook : Role::kText};
    }
    default:
      return {value_text(info_of(id).kind, interface_value(id, interface),
                         {.units = state.settings.units})};
  }
}

Series plot_of(const Model& model, const State& state, std::size_t index,
               const Interface& interface, std::size_t points) {
  return model.host_readings.series(index, points, plot_step(state, points),
                                    [&](const HostReading& reading) -> std::optional<double> {
                                      const Interface* then =
                                          find_interface(reading, interface.index);
                                      if (then == nullptr || !then->rx_rate || !then->tx_rate)
                                        return std::nullopt;
                                      return *then->rx_rate + *then->tx_rate;
                                    });
}

CellText disk_cell(const Disk& disk, const PlacedColumn& column) {
  const ColumnId id = column.id();
  if (id == kMount) return {disk.mount_point};
  if (id == kDevice) return {disk.device};
  if (id == kSize) return {format_bytes(disk.total_bytes)};
  if (id == kUsed) return {format_bytes(disk.used_bytes)};
  if (id == kAvailable) return {format_bytes(disk.available_bytes)};
  return {fmt::format("{:.0f}", disk.usage_pct),
          disk.usage_pct >= kNearlyFull ? Role::kLook : Role::kText};
}

void draw_disks(const HostReading& reading, const Frame& frame, Screen& screen) {
  const auto columns = place_columns(kDiskColumns, screen.grid.size().columns);
  draw_heading(columns, {}, frame.pane, screen);
  const auto room = static_cast<std::size_t>(std::max(frame.pane_rows - 1, 0));
  // The fullest disks first, because not all may fit.
  std::vector<const Disk*> disks;
  for (const Disk& disk : reading.facts.disks) disks.push_back(&disk);
  if (disks.size() > room)
    std::stable_sort(disks.begin(), disks.end(),
                     [](const Disk* a, const Disk* b) { return a->usage_pct > b->usage_pct; });
  for (std::size_t i = 0; i < std::min(disks.size(), room); ++i)
    draw_cells(
        columns, frame.pane + 1 + static_cast<int>(i), Role::kText,
        [&](const PlacedColumn& column) { return disk_cell(*disks[i], column); }, screen);
}

void arrange(Arranger& a) {
  const auto reading = reading_index(a.model, a.state);
  if (!reading) return;
  const auto& all = a.model.host_readings[*reading].facts.interfaces;
  a.listing.candidates = a.listing.matching = all.size();
  std::vector<Keyed> rows;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Row row{RowKey::of(all[i]), static_cast<std::uint32_t>(i)};
    row.idle = !all[i].is_up;
    rows.push_back({value_key(info_of(a.sort).kind, interface_value(a.sort, all[i]), {}), row});
  }
  a.listing.rows = a.sorted(rows);
}

Frame frame_of(Size size) {
  Frame frame;
  const int rows = size.rows;
  int y = 1;
  if (rows >= 8) {
    frame.plot = y;
    frame.plot_rows = rows < 12 ? 1 : rows < 20 ? 2 : size.columns >= 120 ? 5 : 9;
    y += frame.plot_rows;
  }
  if (rows >= 20) frame.upper_rule = y++;
  if (rows >= 4) frame.heading = y++;
  frame.first = y;
  int end = place_last_lines(rows, frame);
  if (rows >= 20) {
    frame.pane_rows = rows < 24 ? 2 : std::min((rows - 24) / 3, 8) + 3;
    end -= frame.pane_rows;
    frame.pane = end;
  }
  frame.count = std::max(end - frame.first, 1);
  return frame;
}

void draw(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  Grid& grid = screen.grid;
  const int columns = grid.size().columns;
  const auto index = reading_index(model, state);
  if (!index) {
    grid.put(1, frame.first,
             !model.host_problem.empty() ? "not known: " + model.host_problem
             : state.is_frozen()         ? "the host was not read yet at that time"
                                         : "measuring …",
             {Role::kDim});
    return draw_status(state, frame, "", screen);
  }
  const HostReading& reading = model.host_readings[*index];
  if (frame.plot >= 0) {
    Facts facts(model, state, *index, screen);
    if (frame.plot_rows < 5) {
      facts.draw_short(frame.plot, frame.plot_rows);
    } else if (frame.plot_rows == 5) {
      facts.draw_system(1, columns / 2 - 1, frame.plot);
      facts.draw_sums(columns / 2 + 1, columns, frame.plot);
    } else {
      facts.draw_system(1, columns, frame.plot);
      facts.draw_sums(1, columns, frame.plot + 5);
    }
  }
  const auto& interfaces = reading.facts.interfaces;
  const RowPlots plots(state, frame, [&](const Row& row, std::size_t points) -> Series {
    if (row.index >= interfaces.size()) return {};
    return plot_of(model, state, *index, interfaces[row.index], points);
  });
  draw_list(
      state, frame,
      [&](const Row& row, const PlacedColumn& column) -> CellText {
        if (row.index >= interfaces.size()) return {};
        if (column.id() == kSpark) return plots.of(row);
        return interface_cell(model, state, *index, interfaces[row.index], column);
      },
      screen, plots.heading());
  if (frame.pane >= 0) draw_disks(reading, frame, screen);
  std::string status =
      counted(interfaces.size(), "interface") + " · " + counted(reading.facts.disks.size(), "disk");
  if (reading.facts.disk_io && columns >= 100)
    status += fmt::format(", read {}, written {} since boot",
                          format_bytes(reading.facts.disk_io->read_bytes),
                          format_bytes(reading.facts.disk_io->write_bytes));
  if (reading.facts.probes)  // at the beginning, because it must not be cut off
    status = "sends 3 echoes/s to each · " + status;
  else
    status += " · sends nothing";
  draw_status(state, frame, status + held_text(model, state), screen);
  if (frame.detail < 0) return;
  const Interface* selected =
      find_interface(reading, static_cast<std::uint32_t>(state.table().selected.a));
  if (selected == nullptr) return;
  const InterfaceCounters& counters = selected->counters;
  grid.put(1, frame.detail,
           fmt::format("{}  mtu {}  rx {} in {} packets, tx {} in {}  {}", selected->name,
                       selected->mtu, format_bytes(counters.rx_bytes), counters.rx_packets,
                       format_bytes(counters.tx_bytes), counters.tx_packets,
                       joined_addresses(*selected)));
}

}  // namespace

constinit const View kThisHostView = {
    .name = "host",
    .key = "5",
    .meaning = "view of this host",
    .tab = "5 Host",
    .narrow_tab = "5Host",
    .columns = kColumns,
    .order = [](Size) { return kInterface; },
    .shows_host = true,
    .footer = kFooter,
    .help = [](const State&) -> HelpLines {
      return {{"Host: interfaces, system, disks, gateway and DNS server.", ""},
              {"SUMS", "bytes on the interfaces against those of the processes"},
              {"unexplained", "headers, forwarded, other namespaces, kernel"},
              {"ERR DROP !", "since boot; ! grew since the sample before"},
              {"Gateway DNS", "asked for echoes with --probe, while this view is shown"}};
    },
    .frame = frame_of,
    .arrange = arrange,
    .draw = draw,
    .json = [](const Model& model, const State& state, const DocumentSource& from) -> std::string {
      const auto index = reading_index(model, state);
      if (!index) return {};
      return host_json(model.host_readings.facts(*index), from.host,
                       model.host_readings[*index].bytes, model.host_problem);
    },
};

}  // namespace sockscope::tui
