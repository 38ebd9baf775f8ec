// SPDX-License-Identifier: Apache-2.0
#include "tui/flow_cells.h"

#include <fmt/format.h>

#include <algorithm>

#include "tui/rows.h"
#include "tui/view.h"
#include "tui/wide_panes.h"
#include "view/flow_text.h"
#include "view/host_text.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

Role retransmit_role(std::uint64_t retransmits, std::uint64_t segments) {
  if (segments == 0) return Role::kText;
  const auto sent = static_cast<double>(segments);
  return share_role(static_cast<double>(retransmits) / sent, sent);
}

Role rtt_role(const Counters& counters) {
  const bool slow = counters.min_rtt_us != 0 &&
                    counters.srtt_us > 3 * std::uint64_t{counters.min_rtt_us} &&
                    counters.srtt_us > 1000;
  return slow ? Role::kLook : Role::kText;
}

// "999", "19k", "4200M": rounded down.
std::string short_count(std::uint64_t count) {
  return count < 1'000       ? std::to_string(count)
         : count < 1'000'000 ? std::to_string(count / 1'000) + 'k'
                             : std::to_string(count / 1'000'000) + 'M';
}

template <class Row>
CellText plain_cell(const Model& model, const State& state, const Row& row,
                    const PlacedColumn& column) {
  const auto* known = find_column<Row>(column.id());
  if (known == nullptr) return {};
  CellOptions options = cell_options(model, state);
  if constexpr (std::is_same_v<Row, Flow>) options.now_ns = moment_of(model, state, row);
  return {cell_text(*known, row, options, static_cast<std::size_t>(column.width))};
}

template <class Row>
CellText mean_cell(const Model& model, const State& state, const Row& row, std::uint64_t span_ns) {
  const auto mean = model.history.mean_rate(shown_index(model, state), id_of(row), span_ns);
  return {rate_text(mean, state.settings.units)};
}

std::string internal_text(const Model& model, const State& state, const Flow& flow,
                          ColumnId column) {
  const TcpInternals* const tcp = internals_of(model, state, flow);
  if (tcp == nullptr) return kUnknown;
  if (column == kReceiveQueue || column == kSendQueue) {
    const std::uint32_t queue = column == kReceiveQueue ? tcp->receive_queue : tcp->send_queue;
    // For a listener: how many connections wait, and how many may. Otherwise bytes.
    return flow.state == TcpState::kListen ? std::to_string(queue)
                                           : format_rate(queue, Units::kBytes);
  }
  if (flow.state == TcpState::kListen && column != kSocketDrops) return kUnknown;
  // Before the first answer the kernel reports its initial value.
  if (column == kRttVariation && flow.counters.srtt_us == 0) return kUnknown;
  Flow told = flow;
  told.internals = std::make_shared<const TcpInternals>(*tcp);
  return cell_text(*find_column<Flow>(column), told, {.units = state.settings.units});
}

// "127.0.0.1:8080", "192.0.2.7:https".
std::string endpoint_text(const Model& model, const State& state, const Endpoint& end,
                          Protocol protocol) {
  const std::string port = state.settings.port_names && model.port_name
                               ? clean_text(model.port_name(end.port, protocol))
                               : "";
  if (port.empty()) return to_string(end);
  const std::string address = to_string(end.addr);
  return (end.addr.family == 6 ? '[' + address + ']' : address) + ':' + port;
}

// "(java 15530)", cleaned.
std::string process_text(const Owner& owner) {
  return fmt::format("({} {})", clean_text(owner.name()), owner.pid);
}

// Null: there is none, or its process is not known.
const OtherEnd* known_other_end(const Flow& flow) {
  return flow.other_end && flow.other_end->owner.pid != 0 ? flow.other_end.get() : nullptr;
}

// Wide screens show the address and either the process at the other end or the end's name. Empty:
// there is no room for both, or nothing to show.
std::string remote_and_who(const Model& model, const State& state, const Flow& flow,
                           const OtherEnd* other_end, std::size_t width) {
  constexpr std::size_t kLeast = 12;  // a shorter part of a name says too little
  const std::string text = endpoint_text(model, state, flow.remote, flow.protocol) + "  ";
  const std::size_t room = width - std::min(width, display_width(text));
  std::string who;
  if (other_end != nullptr) {
    who = process_text(other_end->owner);
    if (display_width(who) > room) who = '(' + clean_text(other_end->owner.name()) + ')';
  } else if (state.settings.names) {
    who = shorten_name(flow, room);
    if (room < kLeast && !who.empty() && who != flow.remote_name->name) return {};
  }
  return who.empty() || display_width(who) > room ? std::string() : text + who;
}

CellText endpoint_cell(const Model& model, const State& state, const Endpoint& end,
                       Protocol protocol, std::size_t width) {
  std::string text = endpoint_text(model, state, end, protocol);
  if (display_width(text) <= width) return {std::move(text)};
  std::string whole = to_string(end);
  const bool is_ascii =
      std::all_of(whole.begin(), whole.end(), [](unsigned char c) { return c < 0x80; });
  return {shorten_endpoint(end, width), Role::kText, is_ascii ? std::move(whole) : ""};
}

CellText remote_cell(const Model& model, const State& state, const Flow& flow,
                     const OtherEnd* other_end, std::size_t width) {
  if (flow.remote.addr.is_unspecified()) return {"*"};
  if (state.size.columns >= kWide)
    if (std::string text = remote_and_who(model, state, flow, other_end, width); !text.empty())
      return {std::move(text)};
  if (state.settings.names)
    if (std::string known = shorten_remote_name(flow, width); !known.empty()) {
      std::string whole = fmt::format("{}:{}", flow.remote_name->name, flow.remote.port);
      return known == whole ? CellText{std::move(known)}
                            : CellText{std::move(known), Role::kText, std::move(whole)};
    }
  return endpoint_cell(model, state, flow.remote, flow.protocol, width);
}

Volume since(Volume now, Volume base) {
  return {now.rx - std::min(now.rx, base.rx), now.tx - std::min(now.tx, base.tx)};
}

}  // namespace

CellText place_cell(const ProcessInfo* process, const PlacedColumn& column) {
  const std::string_view place = process == nullptr ? "" : place_name(*process);
  if (place.empty()) return {kUnknown, Role::kDim};
  return {shorten_right(clean_text(place), static_cast<std::size_t>(column.width))};
}

std::string netns_text(const Model& model, std::uint32_t netns) {
  if (netns == 0) return kUnknown;
  if (netns == model.host_netns) return "host";
  if (netns == model.home_netns) return "own";
  const std::string name = model.netns_name ? clean_text(model.netns_name(netns)) : "";
  return name.empty() ? std::to_string(netns) : name;
}

CellOptions cell_options(const Model& model, const State& state) {
  CellOptions options;
  options.units = state.settings.units;
  options.user_name = model.user_name;
  if (!model.history.empty()) options.now_ns = shown_sample(model, state).mono_ns;
  return options;
}

const TcpInternals* internals_of(const Model& model, const State& state, const Flow& flow) {
  if (state.is_frozen()) return nullptr;
  const auto known = model.internals.find(flow.cookie);
  return known == model.internals.end() || !known->second ? nullptr : &*known->second;
}

std::vector<std::uint64_t> looked_into(const State& state) {
  std::vector<std::uint64_t> cookies;
  if (state.is_frozen()) return cookies;
  if (state.view->subject == &State::connection) return {state.connection.a};
  const bool pane = has_pane(state);
  const View& view = pane ? *state.view->pane : *state.view;
  if (!shows_tcp_internals(state, view)) return cookies;
  const Frame frame = state.view->frame(state.size);
  const Table& table = state.table_of(view);
  const auto rows = std::span(table.listing.rows);
  const auto room =
      static_cast<std::size_t>(std::max(pane ? pane_list_rows(frame) : frame.count, 0));
  const std::size_t top = std::min(table.top, rows.size());
  for (const Row& row : rows.subspan(top, std::min(room, rows.size() - top)))
    if (row.key.kind == RowKey::Kind::kFlow && !row.key.is_group) cookies.push_back(row.key.a);
  return cookies;
}

CellText flow_cell(const Model& model, const State& state, const Flow& flow,
                   const PlacedColumn& column) {
  const ColumnId id = column.id();
  const auto width = static_cast<std::size_t>(column.width);
  if (id == kRemote) {
    const bool is_wide = state.size.columns >= kWide;
    return remote_cell(model, state, flow, is_wide ? known_other_end(flow) : nullptr, width);
  }
  if (id == kLocal) return endpoint_cell(model, state, flow.local, flow.protocol, width);
  if (id == kRtt) {
    CellText cell = plain_cell(model, state, flow, column);
    cell.role = rtt_role(flow.counters);
    return cell;
  }
  if (id == kRetransmits) {
    CellText cell = plain_cell(model, state, flow, column);
    cell.role = retransmit_role(flow.counters.retransmits, flow.counters.tx_segments);
    if (display_width(cell.text) > width)
      cell.text = short_count(flow.counters.retransmits) + (cell.text.ends_with('!') ? "!" : "");
    if (display_width(cell.text) > width) cell.text.pop_back();
    return cell;
  }
  if (id == kRxBytes && flow.has_counters) return {format_bytes(volume_of(state, flow).rx)};
  if (id == kTxBytes && flow.has_counters) return {format_bytes(volume_of(state, flow).tx)};
  if (id == kComm && flow.owner.pid == 0) return {std::string(name_of(owner_of(flow), ""))};
  if (const auto span = mean_span(id)) return mean_cell(model, state, flow, *span);
  if (info_of(id).needs == Needs::kTcpInternals) return {internal_text(model, state, flow, id)};
  if (id == kNetns)
    return {shorten_right(netns_text(model, flow.netns), static_cast<std::size_t>(column.width))};
  return plain_cell(model, state, flow, column);
}

CellText event_remote(const Model& model, const State& state, const Flow& flow, std::size_t width) {
  return remote_cell(model, state, flow, nullptr, width);
}

Volume volume_of(const State& state, const Process& process) {
  const auto base = state.process_base.find(id_of(process));
  return since({process.rx_bytes, process.tx_bytes},
               base == state.process_base.end() ? Volume{} : base->second);
}
Volume volume_of(const State& state, const Flow& flow) {
  const auto base = state.flow_base.find(flow.cookie);
  return since({flow.counters.rx_bytes, flow.counters.tx_bytes},
               base == state.flow_base.end() ? Volume{} : base->second);
}

CellText process_cell(const Model& model, const State& state, const Process& process,
                      const ProcessQuality& quality, const PlacedColumn& column) {
  const ColumnId id = column.id();
  if (id == kPid && process.pid == 0) return {id_of(process) == kKernel ? "—" : "?"};
  if (id == kComm && process.pid == 0) return {std::string(name_of(process))};
  if (const auto span = mean_span(id)) return mean_cell(model, state, process, *span);
  if (id == kUnit) return place_cell(process.info.get(), column);
  if (id == kP95) return {quality.p95_us == 0 ? "—" : format_ms(quality.p95_us)};
  if (id == kRetransmitShare) {
    if (!quality.retransmit_share) return {"—"};
    const double share = *quality.retransmit_share;
    return {fmt::format("{:.2f}", share * 100), share_role(share, quality.segments)};
  }
  if (id == kRxBytes) return {format_bytes(volume_of(state, process).rx)};
  if (id == kTxBytes) return {format_bytes(volume_of(state, process).tx)};
  CellText cell = plain_cell(model, state, process, column);
  if (id == kRetransmitRate) {
    const bool is_marked = often_retransmits(process);
    if (is_marked) cell.role = Role::kBroken;
    if (process.retransmit_rate.value_or(0) >= 1000)
      cell.text = format_rate(*process.retransmit_rate, Units::kBytes) + (is_marked ? "!" : "");
  }
  return cell;
}

std::optional<CellValue> sum_value(ColumnId column, const Sum& sum) {
  const auto number = [](auto value) { return CellValue(static_cast<std::uint64_t>(value)); };
  switch (column) {
    case kPid: return number(sum.pid);
    case kComm:
    case kRemote: return CellValue(sum.name);
    case kConns: return number(sum.flows);
    case kProcs: return number(sum.processes.size());
    case kRxRate: return CellValue(sum.rx_rate);
    case kTxRate: return CellValue(sum.tx_rate);
    case kRate: return CellValue(sum.rx_rate + sum.tx_rate);
    case kRate10s: return sum.lately.rate_10s ? CellValue(*sum.lately.rate_10s) : CellValue();
    case kRate60s: return sum.lately.rate_60s ? CellValue(*sum.lately.rate_60s) : CellValue();
    case kRxBytes: return number(sum.rx_bytes);
    case kTxBytes: return number(sum.tx_bytes);
    case kRtt:
    case kMeanRtt: return sum.srtt_count == 0 ? CellValue() : number(sum.srtt_us());
    case kRetransmits: return number(sum.retransmits);
    case kRetransmitRate: return CellValue(sum.retransmit_rate);
    case kFailures: return sum.failures ? number(*sum.failures) : CellValue();
    default: return std::nullopt;
  }
}

CellText sum_cell(const State& state, const Sum& sum, ColumnId column) {
  const auto value = sum_value(column, sum);
  if (!value || (column == kPid && sum.pid == 0)) return {};
  return {value_text(info_of(column).kind, *value, {.units = state.settings.units})};
}

const std::string& remote_end_name(const State& state, const Sum& sum) {
  return state.settings.names && !sum.remote_name.empty() ? sum.remote_name : sum.name;
}

std::string remote_text(const Flow& flow) {
  const OtherEnd* other = known_other_end(flow);
  return to_string(flow.remote) + (other == nullptr ? "" : ' ' + process_text(other->owner));
}

std::string flow_line(const Model& model, const State& state, const Flow& flow) {
  std::string line = fmt::format("{} {}", protocol_name(flow), to_string(flow.local));
  if (!flow.remote.addr.is_unspecified()) line += " → " + remote_text(flow);
  line += "  ";
  line += name_of(owner_of(flow), flow.owner.name());
  if (flow.owner.pid != 0) line += fmt::format(" {}", flow.owner.pid);
  if (const auto age = age_us(model, state, flow))
    line +=
        flow.closed ? "  lasted " + format_duration_us(*age) : "  age " + format_short_age_us(*age);
  line += "  netns " + netns_text(model, flow.netns);
  return line;
}

}  // namespace sockscope::tui
