// SPDX-License-Identifier: Apache-2.0
// The remote ends, each with the sums of all its connections.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tui/arranger.h"
#include "tui/flow_cells.h"
#include "tui/rows.h"
#include "tui/view.h"
#include "tui/wide_panes.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

constexpr ColumnSpec kColumns[] = {
    {kRemote, 10, 0, 40, 40}, {kRemote, 16, 40, 60, 40}, {kRemote, 24, 60, INT32_MAX, 50},
    {kConns, 5, 60},          {kProcs, 5, 66},           {kRate, 8, 20, 40},
    {kRate10s, 6, 92},        {kRate60s, 6, 92},         {kRxRate, 8, 40},
    {kTxRate, 8, 40},         {kMeanRtt, 7, 60},         {kRetransmits, 5, 78},
    {kFailures, 7, 72},       {kRxBytes, 9, 112},        {kTxBytes, 9, 112},
};

constexpr FooterKey kFooter[] = {
    {Action::kHelp},     {Action::kFilter}, {Action::kSort},    {Action::kDetails, "connections"},
    {Action::kNextView}, {Action::kFreeze}, {Action::kLoopback}};

// Failed connection attempts, and names that were not found. They are those of now, because they
// are not kept for each sample.
void add_failures(Arranger& a) {
  const auto add = [&](const std::string& name, const RepeatedFailure& failure, bool is_name) {
    if (failure.last_ns + RemoteHealth::kKept < a.sample.mono_ns) return;
    ++a.listing.candidates;
    Flow flow;
    flow.owner = failure.owner;
    if (is_name)
      flow.remote_name = std::make_shared<const RemoteName>(RemoteName{.name = name});
    else
      flow.remote.addr = failure.address;
    if (!is_name && is_loopback(flow) && !a.state.settings.loopback) {
      ++a.listing.loopback_hidden;
      return;
    }
    if (!a.state.filter.matches(flow)) return;
    ++a.listing.matching;
    const RowKey key = is_name ? RowKey::of_place(name) : RowKey::of(failure.address);
    a.listing.sums[a.sum_of(key, [&] { return Sum{.name = name}; })].failures = failure.times;
  };
  for (const auto& [address, failure] : a.model.remotes.failed_addresses())
    add(address, failure, false);
  for (const auto& [name, failure] : a.model.remotes.failed_names()) add(name, failure, true);
}

// "no answer, 3 times, 12 s ago: curl 812"; empty: no failures.
std::string failure_text(const Model& model, const Sum& sum) {
  const auto& failures = sum.key.kind == RowKey::Kind::kPlace ? model.remotes.failed_names()
                                                              : model.remotes.failed_addresses();
  const auto found = failures.find(sum.name);
  if (!sum.failures.value_or(0) || found == failures.end()) return "";
  const RepeatedFailure& failure = found->second;
  const std::uint64_t now = model.history.newest().mono_ns;
  std::string text = failure.why.empty() ? "failed" : failure.why;
  text += failure.times == 1 ? ", once, " : fmt::format(", {} times, ", failure.times);
  text += format_duration_us((now - std::min(failure.last_ns, now)) / 1000) + " ago";
  if (failure.owner.pid != 0)
    text += fmt::format(": {} {}", failure.owner.name(), failure.owner.pid);
  return text;
}

void arrange(Arranger& a) {
  for (std::size_t i = 0; i < a.sample.flows.size(); ++i) {
    const Flow& flow = a.history.flow(a.sample.flows[i]);
    if (flow.remote.addr.is_unspecified()) continue;
    ++a.listing.candidates;
    if (!a.state.filter.matches(flow) || !a.wanted(flow)) continue;
    ++a.listing.matching;
    const std::size_t sum = a.sum_of(RowKey::of(flow.remote.addr),
                                     [&] { return Sum{.name = to_string(flow.remote.addr)}; });
    a.add_to(a.listing.sums[sum], flow, a.lately(flow));
  }
  a.add_gone([](const Flow& flow) { return RowKey::of(flow.remote.addr); });
  if (!a.state.is_frozen()) {
    for (Sum& sum : a.listing.sums) sum.failures = 0;
    add_failures(a);
  }
  std::vector<Keyed> rows;
  for (std::size_t i = 0; i < a.listing.sums.size(); ++i) {
    const Sum& sum = a.listing.sums[i];
    Row row{sum.key, static_cast<std::uint32_t>(i)};
    row.idle = !sum.lately.moved;
    if (sum.flows == 0) row.mark = 'x';
    rows.push_back({sum_key(a.sort, sum), row, rate_of(sum)});
  }
  a.listing.rows = a.sorted(rows);
}

void draw(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  draw_plot_line(model, state, frame, screen);
  const Listing& listing = state.table().listing;
  draw_list(
      state, frame,
      [&](const Row& row, const PlacedColumn& column) -> CellText {
        const Sum& sum = listing.sums[row.index];
        if (column.id() == kRemote) return {remote_end_name(state, sum)};
        return sum_cell(state, sum, column.id());
      },
      screen);
  const auto names = static_cast<std::size_t>(
      std::count_if(listing.rows.begin(), listing.rows.end(),
                    [](const Row& row) { return row.key.kind == RowKey::Kind::kPlace; }));
  std::string status = counted(listing.rows.size() - names, "remote end");
  if (names != 0) status += " · " + counted(names, "name") + " not resolved";
  if (state.is_frozen()) status += opened_since_text(model, state);
  if (listing.loopback_hidden != 0)
    status += fmt::format(
        " · {}{} ({})",
        state.size.columns < kNarrow ? std::to_string(listing.loopback_hidden) + " loopback"
                                     : counted(listing.loopback_hidden, "loopback connection"),
        state.size.columns < kNarrow ? "" : " hidden", state.keys.key_of(Action::kLoopback));
  draw_status(state, frame, status + held_text(model, state), screen);
  if (frame.detail < 0 || state.table().position >= listing.rows.size()) return;
  const Sum& sum = listing.sums[listing.rows[state.table().position].index];
  std::string users;
  for (const ProcessId& id : sum.processes) {
    const Process* process = model.history.find_process(shown_sample(model, state), id);
    if (process != nullptr) users += fmt::format("  {} {}", process->name(), process->pid);
  }
  const std::string name = sum.remote_name.empty() ? "" : "  " + sum.remote_name;
  std::string failed = failure_text(model, sum);
  if (!failed.empty()) failed = "  failed: " + failed;
  screen.grid.put(1, frame.detail, fmt::format("{}{}{}{}", sum.name, name, users, failed));
}

}  // namespace

constinit const View kHostsView = {
    .name = "hosts",
    .key = "3",
    .meaning = "view of remote ends",
    .tab = "3 Hosts",
    .narrow_tab = "3H",
    .columns = kColumns,
    .order = [](Size size) { return size.columns < 40 ? kRate : kRxRate; },
    .footer = kFooter,
    .help = [](const State& state) -> HelpLines {
      return {{"Hosts: the remote ends, all their connections together.", ""},
              {"10s 60s", "averages, both directions together; —: not known yet"},
              {"FAILED",
               "failed attempts to connect in the last ten minutes; also names that DNS did not "
               "resolve: not found, refused, no answer"},
              {state.keys.key_of(Action::kDetails), "the connections with this host"}};
    },
    .frame = [](Size size) { return list_frame(size, false, false); },
    .arrange = arrange,
    .draw = draw,
};

}  // namespace sockscope::tui
