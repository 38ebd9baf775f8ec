// SPDX-License-Identifier: Apache-2.0
// One process and all its connections.
#include <fmt/format.h>

#include "base/text.h"
#include "tui/arranger.h"
#include "tui/details.h"
#include "tui/flow_cells.h"
#include "tui/view.h"
#include "view/flow_text.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

constexpr ColumnSpec kColumns[] = {
    {kProto, 4, 60},
    {kLport, 5, 50, 122},
    {kLocal, 21, 122, kWide, 40},
    {kLocal, 21, kWide, 190},
    {kLocal, 21, 190, INT32_MAX, 47},
    {kRemote, 10, 0, 60, 46},
    {kRemote, 24, 60, kWide, 46},
    {kRemote, 24, kWide, INT32_MAX, 74},
    {kState, 4, 45},
    {kReceiveQueue, 5, 92},
    {kSendQueue, 5, 92},
    {kAge, 8, 76},
    {kRate, 8, 20, 40},
    {kRate10s, 6, 106},
    {kRate60s, 6, 106},
    {kRxRate, 7, 40},
    {kTxRate, 7, 40},
    {kRxBytes, 9, 142, kWide},
    {kRxBytes, 9, 190},
    {kTxBytes, 9, 142, kWide},
    {kTxBytes, 9, 190},
    {kRtt, 6, 66},
    {kRttVariation, 6, kWide},
    {kRetransmits, 4, 80},
    {kCwnd, 5, kWide},
    {kMss, 5, kWide},
    {kCongestionControl, 6, kWide, 190},
    {kCongestionControl, 6, 190, INT32_MAX, 10},
};

constexpr FooterKey kFooter[] = {{Action::kBack},  {Action::kDetails, "connection"},
                                 {Action::kCopy},  {Action::kFreeze},
                                 {Action::kWrite}, {Action::kHelp},
                                 {Action::kSignal}};

// "nginx.service", "web (docker)", "0123456789ab (containerd)  pod 6ba7b810-…"; otherwise the path.
std::string place_of(const Process& process) {
  const ProcessInfo* info = process.info.get();
  if (info == nullptr || !info->cgroup)
    return process.cgroup_id != 0 ? fmt::format("cgroup {}", process.cgroup_id) : "—";
  if (!info->container().empty()) {
    std::string place =
        fmt::format("{} ({})", clean_text(info->container()), to_string(info->cgroup->runtime));
    if (!info->pod().empty()) place += "  pod " + clean_text(info->pod());
    return place;
  }
  if (!info->unit().empty()) return clean_text(info->unit());
  return info->cgroup->path.size() > 1 ? clean_text(info->cgroup->path) : "—";
}

void arrange(Arranger& a) {
  const auto is_its = [&](const Flow& flow) {
    return RowKey::of(owner_of(flow)) == a.state.process;
  };
  const bool closed = a.state.settings.closed;
  std::vector<Keyed> rows;
  for (std::size_t i = 0; i < a.sample.flows.size(); ++i) {
    const Flow& flow = a.history.flow(a.sample.flows[i]);
    if (!is_its(flow)) continue;
    ++a.listing.candidates;
    ++a.listing.matching;
    if (flow.closed && !closed) continue;
    const Lately lately = a.lately(flow);
    rows.push_back(
        {a.key_of(flow, lately), a.row_of(flow, a.sample.flows[i], lately.moved), rate_of(flow)});
  }
  a.listing.rows = a.sorted(rows);
  a.add_later([&](const Flow& flow, bool) { return is_its(flow) && (!flow.closed || closed); });
}

void draw(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  Grid& grid = screen.grid;
  const Size size = grid.size();
  const Sample& sample = shown_sample(model, state);
  const ProcessId id = state.process.process();
  const Process* process = model.history.find_process(sample, id);
  if (process == nullptr) {
    grid.put(1, frame.first, "This process is over, and so are its connections.", {Role::kDim});
    return;
  }
  const int cells = std::max(std::min(size.columns - 36, 120), 4);
  const Rates rates = shown_rates(
      model, state, cells, [&](const Sample& s) { return model.history.find_process(s, id); });
  const Figures now{process->rx_rate, process->tx_rate, process->rx_bytes, process->tx_bytes};
  if (size.rows >= 20) {
    grid.rule(1);
    put_fact(2, "Process",
             process_line(model, process->name(), id, process->uid, process->info.get()), grid);
    put_fact(3, "Command", command_of(process->info.get()), grid);
    const std::string flows = fmt::format("{} open, {} listening, {} closed", process->open_flows,
                                          process->listeners, process->closed_flows);
    put_fact(4, "Unit", place_of(*process), grid,
             std::max(44, size.columns - static_cast<int>(flows.size()) - 2));
    grid.put_right(size.columns, 4, flows);
    grid.rule(5);
    put_rates(rates, now, 6, state, screen);
    put_plots(rates, 0, 8, 1, state, screen);
    const int x = cells + 10;
    grid.put(
        x, 8,
        fmt::format("RTT ms   mean {}", process->srtt_us == 0 ? "—" : format_ms(process->srtt_us)));
    grid.put(x, 9, fmt::format("retrans  {}", process->retransmits));
    if (process->retransmit_rate)
      grid.put(x, 10, fmt::format("         {:.1f}/s", *process->retransmit_rate),
               {often_retransmits(*process) ? Role::kBroken : Role::kText});
    grid.rule(11);
  } else if (size.rows >= 8) {
    put_fact(1, "Process",
             process_line(model, process->name(), id, process->uid, process->info.get()), grid);
    put_rates(rates, now, 2, state, screen);
  }
  draw_list(
      state, frame,
      [&](const Row& row, const PlacedColumn& column) {
        return flow_cell(model, state, flow_of(model, state, row), column);
      },
      screen);
  if (frame.lower_rule >= 0) grid.rule(frame.lower_rule);
}

}  // namespace

constinit const View kProcessView = {
    .columns = kColumns,
    .order = [](Size size) { return size.columns < 40 ? kRate : kRxRate; },
    .has_tcp_columns = true,
    .subject = &State::process,
    .footer = kFooter,
    .help = [](const State&) -> HelpLines {
      return {{"One process and all its connections.", ""}};
    },
    .crumbs =
        [](const Model& model, const State& state) {
          const Process* process =
              model.history.empty()
                  ? nullptr
                  : model.history.find_process(shown_sample(model, state), state.process.process());
          return fmt::format("▸ Procs ▸ {} {}", process ? name_of(*process) : "?", state.process.a);
        },
    .frame = details_frame,
    .arrange = arrange,
    .draw = draw,
    .json =
        [](const Model& model, const State& state, const DocumentSource& from) {
          return write_flows(model, from, shown_sample(model, state), [&](const Flow& flow) {
            return RowKey::of(owner_of(flow)) == state.process;
          });
        },
};

}  // namespace sockscope::tui
