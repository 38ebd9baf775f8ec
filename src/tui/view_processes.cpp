// SPDX-License-Identifier: Apache-2.0
// Processes: who moves how much.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "base/timestamp.h"
#include "tui/arranger.h"
#include "tui/flow_cells.h"
#include "tui/process_tree.h"
#include "tui/row_plots.h"
#include "tui/rows.h"
#include "tui/view.h"
#include "tui/wide_panes.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

constexpr ColumnSpec kColumns[] = {
    {kPid, 7, 60},
    {kComm, 9, 0, 40, 30},
    {kComm, 14, 40, 60, 30},
    {kComm, 13, 60, INT32_MAX, 28},
    {kUid, 8, 103},
    {kUnit, 16, 120, INT32_MAX, 26},
    {kConns, 5, 62},
    {kRate, 8, 20, 40},
    {kRate, 7, 40, 60},
    {kRate, 8, 60},
    {kRate10s, 6, 94},
    {kRate60s, 6, 94},
    {kRxRate, 7, 40},
    {kTxRate, 7, 40},
    {kRxBytes, 9, 140},
    {kTxBytes, 9, 140},
    {kMeanRtt, 6, 47, 60},
    {kMeanRtt, 7, 60},
    {kP95, 6, 147},
    {kRetransmitRate, 6, 70},
    {kRetransmitShare, 6, 154},
    {kSpark, 10, 80, INT32_MAX, 30},
};

std::map<ProcessId, ProcessQuality> qualities(const Model& model, const State& state) {
  struct Gathered {
    std::vector<std::uint32_t> rtts;
    std::uint64_t segments = 0;
    std::uint64_t retransmits = 0;
  };
  std::map<ProcessId, Gathered> gathered;
  for (const std::uint32_t index : shown_sample(model, state).flows) {
    const Flow& flow = model.history.flow(index);
    if (flow.closed || flow.protocol != Protocol::kTcp) continue;
    Gathered& of = gathered[owner_of(flow)];
    if (flow.counters.srtt_us != 0) of.rtts.push_back(flow.counters.srtt_us);
    of.segments += flow.counters.tx_segments;
    of.retransmits += flow.counters.retransmits;
  }
  std::map<ProcessId, ProcessQuality> out;
  for (auto& [id, of] : gathered) {
    ProcessQuality& quality = out[id];
    if (!of.rtts.empty()) {
      const std::size_t at = (of.rtts.size() * 95 + 99) / 100 - 1;
      std::nth_element(of.rtts.begin(), of.rtts.begin() + static_cast<std::ptrdiff_t>(at),
                       of.rtts.end());
      quality.p95_us = of.rtts[at];
    }
    quality.segments = static_cast<double>(of.segments);
    if (of.segments != 0)
      quality.retransmit_share = static_cast<double>(of.retransmits) / quality.segments;
  }
  return out;
}

// A row of the tree: a process or place with everything below it.
CellText tree_cell(const Model& model, const State& state, const Row& row,
                   const ProcessQuality& quality, const PlacedColumn& column) {
  const Sum& sum = state.table().listing.sums[row.index];
  const ColumnId id = column.id();
  if (id == kComm) {
    // Deep in the tree, names are more important than the depth.
    const auto most = static_cast<std::size_t>(column.width) * 2 / 5;
    std::string text(std::min<std::size_t>(row.depth, most), ' ');
    if (row.is_parent) text += state.table().collapsed.contains(row.key) ? "▸" : "▾";
    if (!row.is_parent) text += ' ';
    return {text + sum.name};
  }
  if (id == kPid && sum.process && sum.pid == 0) return {"?"};
  if (!row.is_parent && sum.process)
    return process_cell(model, state, model.history.process(*sum.process), quality, column);
  if (id == kUid && sum.info && sum.info->uid) {
    std::string user = model.user_name ? model.user_name(*sum.info->uid) : "";
    return {user.empty() ? std::to_string(*sum.info->uid) : std::move(user)};
  }
  if (id == kUnit && sum.info) {
    const std::string_view place = place_name(*sum.info);
    return place.empty() ? CellText{"—", Role::kDim} : CellText{std::string(place)};
  }
  return sum_cell(state, sum, id);
}

// The sum over these processes.
Series plot_of_all(const Model& model, const State& state, const std::set<ProcessId>& processes,
                   std::size_t points) {
  return model.history.series(shown_index(model, state), points, plot_step(state, points),
                              [&](const Sample& sample) -> std::optional<double> {
                                std::optional<double> total;
                                for (const ProcessId& process : processes) {
                                  const Process* each = model.history.find_process(sample, process);
                                  if (each != nullptr && each->rx_rate && each->tx_rate)
                                    total = total.value_or(0) + *each->rx_rate + *each->tx_rate;
                                }
                                return total;
                              });
}

Series plot_of(const Model& model, const State& state, const Row& row, std::size_t points) {
  if (grouping_of(state) == Grouping::kNone)
    return plot_of_all(model, state, {id_of(model.history.process(row.index))}, points);
  // A plot of everything below must look at each of those processes in every sample.
  constexpr std::size_t kMostPlotted = 32;
  const Sum& sum = state.table().listing.sums[row.index];
  if (!row.is_parent && sum.process)
    return plot_of_all(model, state, {id_of(model.history.process(*sum.process))}, points);
  return sum.processes.size() <= kMostPlotted ? plot_of_all(model, state, sum.processes, points)
                                              : Series{};
}

// The selected process, on the line below the list.
void draw_detail(const Model& model, const State& state, int y, Screen& screen) {
  const Table& table = state.table();
  const Process* process =
      table.selected.exists()
          ? model.history.find_process(shown_sample(model, state), table.selected.process())
          : nullptr;
  const int columns = screen.grid.size().columns;
  if (table.listing.rows.empty()) return;
  if (process == nullptr) {
    const bool is_node =
        grouping_of(state) != Grouping::kNone && table.position < table.listing.rows.size();
    if (!is_node) return;
    const Sum& sum = table.listing.sums[table.listing.rows[table.position].index];
    const std::string what = sum.info ? std::string(sum.info->cmdline()) : "";
    screen.grid.put(1, y,
                    sum.pid == 0 ? fmt::format("{}  {} process{}", sum.name, sum.processes.size(),
                                               sum.processes.size() == 1 ? "" : "es")
                                 : fmt::format("{} {}  {}  no sockets of its own", sum.name,
                                               sum.pid, clean_text(what)),
                    {}, columns);
    return;
  }
  if (process->pid == 0) {
    const std::string_view why =
        id_of(*process) == kBeingClosed
            ? "being closed; their process had closed them before sockscope looked"
        : id_of(*process) == kKernel
            ? "made by the kernel for itself: tunnels, file servers"
            : "no process was seen with them: on their way between processes, or of processes that "
              "cannot be looked into";
    screen.grid.put(1, y, fmt::format("{}  {}", name_of(*process), why), {}, columns);
    return;
  }
  std::string left = fmt::format("{} {}", process->name(), process->pid);
  std::string right;
  if (const ProcessInfo* info = process->info.get(); info != nullptr) {
    if (!info->cmdline().empty()) left += "  " + std::string(info->cmdline());
    right = clean_text(place_name(*info));
  }
  int end = columns;
  if (!right.empty())
    end =
        screen.grid.put_right(
            columns, y, shorten_right(right, static_cast<std::size_t>(columns) / 3), {Role::kDim}) -
        2;
  screen.grid.put(1, y,
                  shorten_right(clean_text(left), static_cast<std::size_t>(std::max(end - 1, 1))));
}

constexpr Grouping kGroupings[] = {Grouping::kNone, Grouping::kContainer, Grouping::kTree};

constexpr FooterKey kFooter[] = {{Action::kHelp},    {Action::kFilter},   {Action::kSort},
                                 {Action::kDetails}, {Action::kNextView}, {Action::kFreeze},
                                 {Action::kUnits},   {Action::kSignal}};

// A sample from before a process counts as new: new ones are not in it. Null: there is none.
const Sample* sample_before(const Arranger& a) {
  if (a.sample.mono_ns - a.history[0].mono_ns <= Arranger::kNew) return nullptr;
  for (std::size_t i = a.index; i-- > 0;)
    if (a.sample.mono_ns - a.history[i].mono_ns >= Arranger::kNew) return &a.history[i];
  return nullptr;
}

// The processes that have a connection which matches the filter.
std::set<ProcessId> matching_processes(const Arranger& a) {
  std::set<ProcessId> matching;
  for (const std::uint32_t index : a.sample.flows)
    if (a.state.filter.matches(a.history.flow(index)))
      matching.insert(owner_of(a.history.flow(index)));
  return matching;
}

// Parents before their children, children in order, as deep as the tree goes.
void arrange_tree(Arranger& a, const std::vector<Keyed>& processes, ProcessTree tree) {
  Listing& listing = a.listing;
  listing.sums = std::move(tree.sums);
  const auto* column = find_column<Process>(a.sort);
  std::vector<std::vector<Keyed>> children(listing.sums.size());
  std::vector<Keyed> roots;
  for (std::size_t i = 0; i < listing.sums.size(); ++i) {
    const Sum& sum = listing.sums[i];
    Row row{sum.key, static_cast<std::uint32_t>(i)};
    row.mark = i < processes.size() ? processes[i].row.mark : ' ';
    row.idle = !sum.lately.moved;
    SortKey key = sum_key(a.sort, sum);
    // Where sums have no value, the process's own is used.
    if (std::holds_alternative<std::monostate>(key) && column != nullptr && sum.process)
      key = sort_key(*column, a.history.process(*sum.process), a.cells);
    const std::size_t parent = tree.parents[i];
    (parent == ProcessTree::kNone ? roots : children[parent])
        .push_back({std::move(key), row, rate_of(sum)});
  }
  struct Level {
    std::vector<Row> rows;
    std::size_t next = 0;
  };
  std::vector<Level> levels;
  levels.push_back({a.sorted(roots)});
  while (!levels.empty()) {
    if (levels.back().next == levels.back().rows.size()) {
      levels.pop_back();
      continue;
    }
    Row row = levels.back().rows[levels.back().next++];
    row.depth = static_cast<std::uint8_t>(std::min<std::size_t>(levels.size() - 1, 255));
    row.is_parent = !children[row.index].empty();
    listing.rows.push_back(row);
    if (row.is_parent && !a.table.collapsed.contains(row.key))
      levels.push_back({a.sorted(children[row.index])});
  }
}

// With a filter there are none, because it is not known which of them would have matched.
std::vector<GoneProcess> gone_processes(const Arranger& a) {
  if (!a.wants_means() || !a.state.filter.matches_all()) return {};
  std::map<ProcessId, GoneProcess> gone;
  const auto add = [&](ColumnId column, std::optional<double> Lately::*mean) {
    a.history.each_gone_process(a.index, *mean_span(column),
                                [&](const Process& process, double rate) {
                                  GoneProcess& each = gone[id_of(process)];
                                  each.process = &process;
                                  each.lately.*mean = (each.lately.*mean).value_or(0) + rate;
                                });
  };
  add(kRate10s, &Lately::rate_10s);
  add(kRate60s, &Lately::rate_60s);
  std::vector<GoneProcess> out;
  for (const auto& [id, each] : gone) out.push_back(each);
  return out;
}

void arrange(Arranger& a) {
  const Settings& settings = a.state.settings;
  const bool all = a.state.filter.matches_all();
  const auto matching = all ? std::set<ProcessId>() : matching_processes(a);
  const Sample* earlier = sample_before(a);
  std::vector<Keyed> rows;
  std::vector<Lately> before;  // of the rows
  for (std::size_t i = 0; i < a.sample.processes.size(); ++i) {
    const Process& process = a.history.process(a.sample.processes[i]);
    const ProcessId id = id_of(process);
    ++a.listing.candidates;
    if (!all && !matching.contains(id)) continue;
    ++a.listing.matching;
    Row row{RowKey::of(id), a.sample.processes[i]};
    // Rates are not known at first, and for some processes never.
    const Lately lately = a.lately(process);
    row.idle = a.sample.interval_s && (process.rx_rate ? !lately.moved : process.open_flows == 0);
    const bool over = process.open_flows == 0 && process.listeners == 0;
    const bool moves = rate_of(process) > 0;
    // A process that still runs may open another connection.
    const bool runs = process.info != nullptr && !process.info->exited;
    if (over && !moves && !runs && id.pid != 0) row.mark = 'x';
    if (earlier != nullptr && !over && a.history.find_process(*earlier, id) == nullptr)
      row.mark = '+';
    if (row.mark == 'x' && !settings.closed) continue;
    if (row.idle && row.mark != '+' && !settings.idle) {
      ++a.listing.idle_hidden;
      continue;
    }
    rows.push_back({a.key_of(process, lately), row, rate_of(process)});
    before.push_back(lately);
  }
  if (settings.process_grouping == Grouping::kNone) {
    a.listing.rows = a.sorted(rows);
    return;
  }
  std::vector<std::uint32_t> processes;
  for (const Keyed& each : rows) processes.push_back(each.row.index);
  arrange_tree(a, rows, grow_tree(a.model, a.state, processes, before, gone_processes(a)));
}

HelpLines help(const State& state) {
  using enum Action;
  HelpLines lines = {{"Processes: who moves how much. Closed connections count, loopback too.", ""},
                     {"+ † !", "new within 2 s, over, retransmits worth a look"},
                     {"[closed]", "being closed; their process had closed them already"},
                     {"[kernel]", "sockets the kernel made for itself: tunnels, file servers"},
                     {"[unattributed]", "others whose process is not known"},
                     {"retr", "share of sent TCP segments (ACKs too) that were sent again"},
                     {"RX/s 10s 60s", "of the last interval; averages of both, — if not known yet"},
                     {fold_keys(state), "group by container or unit, below parents; fold"}};
  if (has_pane(state))
    lines.insert(lines.begin() + 1, {state.keys.keys_of({kNextView, action_of(kConnectionsView)}),
                                     "move to its connections; show them on the whole screen"});
  return lines;
}

void draw(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  const bool has_panes = frame.plot_rows > 1;
  if (has_panes)
    draw_host_panes(model, state, frame, screen);
  else
    draw_plot_line(model, state, frame, screen);
  const auto quality = screen.grid.size().columns >= 147 ? qualities(model, state)
                                                         : std::map<ProcessId, ProcessQuality>();
  static const ProcessQuality kUnknown;
  const bool is_tree = grouping_of(state) != Grouping::kNone;
  const RowPlots plots(state, frame, [&](const Row& row, std::size_t points) {
    return plot_of(model, state, row, points);
  });
  draw_list(
      state, frame,
      [&](const Row& row, const PlacedColumn& column) {
        if (column.id() == kSpark) return plots.of(row);
        if (is_tree) {
          const auto found = quality.find(row.key.process());
          return tree_cell(model, state, row, found == quality.end() ? kUnknown : found->second,
                           column);
        }
        const Process& process = model.history.process(row.index);
        const auto found = quality.find(id_of(process));
        return process_cell(model, state, process,
                            found == quality.end() ? kUnknown : found->second, column);
      },
      screen, plots.heading());
  const Listing& listing = state.table().listing;
  // The sums of the rows must equal those of the host; if they do not, the screen says so.
  double shown_rx = 0;
  double shown_tx = 0;
  for (const Row& row : listing.rows) {
    if (row.depth != 0) continue;
    const Process* process = is_tree ? nullptr : &model.history.process(row.index);
    shown_rx += is_tree ? listing.sums[row.index].rx_rate : process->rx_rate.value_or(0);
    shown_tx += is_tree ? listing.sums[row.index].tx_rate : process->tx_rate.value_or(0);
  }
  const Sample& sample = shown_sample(model, state);
  const auto differs = [](double part, double whole) { return whole - part > whole / 200 + 1; };
  const std::size_t shown = is_tree ? static_cast<std::size_t>(std::count_if(
                                          listing.sums.begin(), listing.sums.end(),
                                          [](const Sum& sum) { return sum.process.has_value(); }))
                                    : listing.rows.size();
  std::string status = fmt::format("{} of {} process{}", shown, listing.candidates,
                                   listing.candidates == 1 ? "" : "es");
  if (differs(shown_rx, sample.rx_rate) || differs(shown_tx, sample.tx_rate))
    status += fmt::format(" · ↓{} of {} ↑{} of {}", format_rate(shown_rx, state.settings.units),
                          format_rate(sample.rx_rate, state.settings.units),
                          format_rate(shown_tx, state.settings.units),
                          format_rate(sample.tx_rate, state.settings.units));
  else if (is_tree)
    status += " · sums with all below";
  if (listing.idle_hidden != 0)
    status += fmt::format(" · {} idle hidden ({}{})", listing.idle_hidden,
                          state.keys.key_of(Action::kIdle),
                          screen.grid.size().columns < 60 ? "" : " shows all");
  draw_status(state, frame, status + held_text(model, state), screen);
  if (frame.detail >= 0) draw_detail(model, state, frame.detail, screen);
  if (frame.pane >= 0) draw_process_panes(model, state, frame, screen);
}

}  // namespace

constinit const View kProcessesView = {
    .name = "processes",
    .key = "1",
    .meaning = "view of processes",
    .tab = "1 Procs",
    .narrow_tab = "1P",
    .columns = kColumns,
    .order = [](Size) { return kRate; },
    .counted = "processes",
    .grouping = &Settings::process_grouping,
    .groupings = kGroupings,
    .pane = &kProcessView,
    .footer = kFooter,
    .help = help,
    .frame = [](Size size) { return list_frame(size, true, true); },
    .arrange = arrange,
    .draw = draw,
};

}  // namespace sockscope::tui
