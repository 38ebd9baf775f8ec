// SPDX-License-Identifier: Apache-2.0
#include "view/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>

#include "view/flow_text.h"
#include "view/suggest.h"

namespace sockscope {
namespace {

// A process chooses its arguments: a megabyte of them must not become the width of every row.
constexpr std::size_t kMostCells = 4096;
std::string_view bounded(std::string_view text) { return text.substr(0, 4 * kMostCells); }

using Options = CellOptions;

CellValue known(std::uint64_t value) {
  if (value == 0) return {};
  return value;
}

CellValue known(std::string_view text) {
  if (text.empty()) return {};
  return std::string(text);
}

template <class T>
CellValue known(const std::optional<T>& value) {
  if (!value) return {};
  return *value;
}

CellValue user(const std::optional<std::uint32_t>& uid) {
  if (!uid) return {};
  return std::uint64_t{*uid};
}

CellValue connected(const Flow& f, CellValue value) {
  return f.remote.addr.is_unspecified() ? CellValue() : value;
}

CellValue counted(const Flow& f, std::uint64_t value) {
  return f.has_counters ? CellValue(value) : CellValue();
}

CellValue segments(const Flow& f, std::uint64_t value) {
  return f.has_segments ? counted(f, value) : CellValue();
}

// Of a Flow or a Process.
template <class Row>
CellValue both_rates(const Row& row) {
  if (!row.rx_rate || !row.tx_rate) return {};
  return *row.rx_rate + *row.tx_rate;
}

CellValue state(const Flow& f, const Options& o) {
  const TcpState shown = shown_state(f);
  if (f.protocol != Protocol::kTcp) return f.closed ? known(short_name(shown)) : CellValue();
  return known(o.wide ? to_string(shown) : short_name(shown));
}

// What a socket that has no remote end yet takes; "": not known, or it has one.
std::string_view stack(const Flow& f) {
  if (f.ipv6_only) return *f.ipv6_only || !f.local.addr.is_unspecified() ? "IPv6" : "dual";
  const bool is_open = f.direction == Direction::kListen ||
                       (f.protocol == Protocol::kUdp && f.remote.addr.is_unspecified());
  return is_open && f.local.addr.family == 4 ? "IPv4" : "";
}

// Microseconds.
CellValue age(const Flow& f, const Options& o) {
  const std::uint64_t end = f.closed ? f.closed_ns : o.now_ns;
  if (f.opened_ns == 0 || end < f.opened_ns) return {};
  return (end - f.opened_ns) / 1000;
}

// More than one segment in a hundred.
bool many_retransmits(const Flow& f) {
  return std::uint64_t{f.counters.retransmits} * 100 > f.counters.tx_segments;
}

bool often_retransmits(const Process& p) {
  return p.retransmit_rate.value_or(0) > 1;
}

// Of the process behind a row; "" and 0 are not known.
const ProcessInfo* process_of(const Flow& f) { return f.owner.process.get(); }
const ProcessInfo* process_of(const Process& p) { return p.info.get(); }

template <class Row, std::string_view (ProcessInfo::*read)() const noexcept>
CellValue process_text(const Row& row, const Options&) {
  const ProcessInfo* info = process_of(row);
  return info ? known((info->*read)()) : CellValue();
}

template <class Row, auto member>
CellValue process_member(const Row& row, const Options&) {
  const ProcessInfo* info = process_of(row);
  if (!info) return {};
  if constexpr (std::is_same_v<std::decay_t<decltype(info->*member)>, std::string>)
    return known(std::string_view(info->*member));
  else
    return known(static_cast<std::uint64_t>(info->*member));
}

template <class Row>
CellValue cgroup_path(const Row& row, const Options&) {
  const ProcessInfo* info = process_of(row);
  return info && info->cgroup ? known(std::string_view(info->cgroup->path)) : CellValue();
}

// "nginx/77 nginx/78"
CellValue holders(const Flow& f, const Options&) {
  if (!f.holders) return {};
  std::string text;
  for (const SocketHolder& holder : *f.holders)
    text += fmt::format("{}{}/{}", text.empty() ? "" : " ", holder.name(), holder.pid);
  return known(std::string_view(text));
}

using K = ValueKind;

// What a table can say of the process of each row. They need Options::describe.
template <class Row>
constexpr std::array<Column<Row>, 10> kDescribingColumns{{
    {"exe", "EXE", 12, K::kText, "path of the executable", process_text<Row, &ProcessInfo::exe>},
    {"cmdline", "COMMAND LINE", 12, K::kText, "its arguments",
     process_text<Row, &ProcessInfo::cmdline>},
    {"unit", "UNIT", 10, K::kText, "systemd's unit", process_text<Row, &ProcessInfo::unit>},
    {"container", "CONTAINER", 10, K::kText, "name of the container, else its short id",
     process_text<Row, &ProcessInfo::container>},
    {"pod", "POD", 8, K::kText, "uid of the Kubernetes pod", process_text<Row, &ProcessInfo::pod>},
    {"cgroup", "CGROUP PATH", 10, K::kText, "path of the cgroup", cgroup_path<Row>},
    {"ppid", "PPID", 7, K::kId, "parent process", process_member<Row, &ProcessInfo::parent_pid>},
    {"parent", "PARENTS", 8, K::kText, "names of its parents, nearest first",
     process_member<Row, &ProcessInfo::parents>},
    {"session", "SESSION", 7, K::kId, "session", process_member<Row, &ProcessInfo::session>},
    {"inner_pid", "INNER", 7, K::kId, "its pid in the pid namespace of its own",
     process_member<Row, &ProcessInfo::inner_pid>},
}};

template <std::size_t N, std::size_t M, class Row>
constexpr std::array<Column<Row>, N + M> joined(const std::array<Column<Row>, N>& first,
                                                const std::array<Column<Row>, M>& then) {
  std::array<Column<Row>, N + M> all{};
  std::copy(first.begin(), first.end(), all.begin());
  std::copy(then.begin(), then.end(), all.begin() + N);
  return all;
}

constexpr std::string_view kNobody = "[unattributed]";
constexpr std::string_view kTheKernel = "[kernel]";

const std::array<Column<Flow>, 30> kOwnFlowColumns{{
    {"pid", "PID", 7, K::kId, "process that uses the socket",
     [](const Flow& f, const Options&) { return known(f.owner.pid); }},
    {"opener_pid", "OPENER", 7, K::kId, "process that connected, accepted or created it",
     [](const Flow& f, const Options&) { return known(f.owner.opener_pid); }},
    {"comm", "COMMAND", 10, K::kText, "name of the process",
     [](const Flow& f, const Options&) {
       return known(f.owner.kind == OwnerKind::kKernel ? kTheKernel : f.owner.name());
     },
     nullptr, kNobody},
    {"uid", "USER", 8, K::kUser, "user the process runs as (CSV: number)",
     [](const Flow& f, const Options&) { return user(f.owner.uid); }},
    {"user", "USER", 8, K::kUser, "the same",
     [](const Flow& f, const Options&) { return user(f.owner.uid); }},
    {"proto", "PROT", 4, K::kText, "tcp, tcp6, udp or udp6; quic or quic6 (--udp-peers)",
     [](const Flow& f, const Options&) { return known(protocol_name(f)); }},
    {"local", "LOCAL", 15, K::kEndpoint, "local address and port",
     [](const Flow& f, const Options&) -> CellValue { return f.local; }},
    {"lport", "LPORT", 5, K::kId, "local port",
     [](const Flow& f, const Options&) { return known(f.local.port); }},
    {"remote", "REMOTE", 15, K::kEndpoint, "remote address and port, * when not connected",
     [](const Flow& f, const Options&) { return connected(f, f.remote); }},
    {"remote_name", "NAME", 20, K::kText,
     "what the remote end was asked for by in DNS (trace --dns, top)",
     [](const Flow& f, const Options&) {
       return f.remote_name ? known(f.remote_name->name) : CellValue();
     }},
    {"rport", "RPORT", 5, K::kId, "remote port",
     [](const Flow& f, const Options&) { return connected(f, known(f.remote.port)); }},
    {"direction", "DIR", 8, K::kText, "outbound, inbound or listen",
     [](const Flow& f, const Options&) { return known(to_string(f.direction)); }},
    {"stack", "STACK", 6, K::kText,
     "of listening and unconnected sockets: IPv4, IPv6 or dual, one for both",
     [](const Flow& f, const Options&) { return known(stack(f)); }},
    {"state", "ST", 4, K::kText, "TCP state: EST SYN FIN TW CLSW CLS LIS, or its full name",
     [](const Flow& f, const Options& o) { return state(f, o); }},
    {"rx_rate", "RX/s", 7, K::kRate, "received per second (CSV: bytes)",
     [](const Flow& f, const Options&) { return known(f.rx_rate); }},
    {"tx_rate", "TX/s", 7, K::kRate, "sent per second (CSV: bytes)",
     [](const Flow& f, const Options&) { return known(f.tx_rate); }},
    {"rate", "RX+TX/s", 7, K::kRate, "both per second (CSV: bytes)",
     [](const Flow& f, const Options&) { return both_rates(f); }},
    {"rx_bytes", "RX", 8, K::kBytes, "bytes received",
     [](const Flow& f, const Options&) { return counted(f, f.counters.rx_bytes); }},
    {"tx_bytes", "TX", 8, K::kBytes, "bytes sent",
     [](const Flow& f, const Options&) { return counted(f, f.counters.tx_bytes); }},
    {"rx_segments", "RXSEG", 7, K::kCount, "segments or datagrams received",
     [](const Flow& f, const Options&) { return segments(f, f.counters.rx_segments); }},
    {"tx_segments", "TXSEG", 7, K::kCount, "segments or datagrams sent",
     [](const Flow& f, const Options&) { return segments(f, f.counters.tx_segments); }},
    {"retransmits", "RETR", 4, K::kCount, "segments sent again, ! above 1 %",
     [](const Flow& f, const Options&) {
       return f.protocol == Protocol::kTcp ? segments(f, f.counters.retransmits) : CellValue();
     },
     many_retransmits},
    {"rtt", "RTTms", 6, K::kRtt, "smoothed round trip time in ms (CSV: us)",
     [](const Flow& f, const Options&) { return known(f.counters.srtt_us); }},
    {"min_rtt", "MINms", 6, K::kRtt, "least round trip time in ms (CSV: us)",
     [](const Flow& f, const Options&) { return known(f.counters.min_rtt_us); }},
    {"owner", "OWNER", 9, K::kText,
     "how the process is known: exact, inherited, bootstrap, kernel, unknown",
     [](const Flow& f, const Options&) { return known(to_string(f.owner.kind)); }},
    {"netns", "NETNS", 10, K::kId, "inode number of the network namespace",
     [](const Flow& f, const Options&) { return known(f.netns); }},
    {"cgroup_id", "CGROUP", 7, K::kId, "number of the process's cgroup",
     [](const Flow& f, const Options&) { return known(f.owner.cgroup_id); }},
    {"cookie", "COOKIE", 8, K::kId, "the kernel's number for the socket",
     [](const Flow& f, const Options&) { return known(f.cookie); }},
    {"age", "AGE", 8, K::kDuration,
     "time since it was opened, of closed ones how long it was open (CSV: us)",
     [](const Flow& f, const Options& o) { return age(f, o); }},
    {"holders", "HOLDERS", 12, K::kText, "every process that has it open (with --holders)",
     holders},
}};
const auto kFlowColumns = joined(kOwnFlowColumns, kDescribingColumns<Flow>);

const std::array<Column<Process>, 17> kOwnProcessColumns{{
    {"pid", "PID", 7, K::kId, "process",
     [](const Process& p, const Options&) { return known(p.pid); }},
    {"comm", "COMMAND", 15, K::kText, "name of the process",
     [](const Process& p, const Options&) { return known(p.name()); }, nullptr, kNobody},
    {"uid", "USER", 8, K::kUser, "user the process runs as (CSV: number)",
     [](const Process& p, const Options&) { return user(p.uid); }},
    {"user", "USER", 8, K::kUser, "the same",
     [](const Process& p, const Options&) { return user(p.uid); }},
    {"conns", "CONNS", 5, K::kCount, "open connections",
     [](const Process& p, const Options&) -> CellValue { return std::uint64_t{p.open_flows}; }},
    {"listeners", "LISTEN", 6, K::kCount, "listening sockets",
     [](const Process& p, const Options&) -> CellValue { return std::uint64_t{p.listeners}; }},
    {"closed_flows", "CLOSED", 6, K::kCount, "connections closed since sockscope started",
     [](const Process& p, const Options&) -> CellValue { return p.closed_flows; }},
    {"rx_rate", "RX/s", 8, K::kRate, "received per second (CSV: bytes)",
     [](const Process& p, const Options&) { return known(p.rx_rate); }},
    {"tx_rate", "TX/s", 8, K::kRate, "sent per second (CSV: bytes)",
     [](const Process& p, const Options&) { return known(p.tx_rate); }},
    {"rate", "RX+TX/s", 8, K::kRate, "both per second (CSV: bytes)",
     [](const Process& p, const Options&) { return both_rates(p); }},
    {"rx_bytes", "RX", 8, K::kBytes, "bytes received",
     [](const Process& p, const Options&) -> CellValue { return p.rx_bytes; }},
    {"tx_bytes", "TX", 8, K::kBytes, "bytes sent",
     [](const Process& p, const Options&) -> CellValue { return p.tx_bytes; }},
    {"rtt", "RTT ms", 7, K::kRtt, "mean smoothed round trip time in ms (CSV: us)",
     [](const Process& p, const Options&) { return known(p.srtt_us); }},
    {"retr_rate", "RETR/s", 6, K::kPerSecond, "segments sent again per second, ! above 1",
     [](const Process& p, const Options&) { return known(p.retransmit_rate); }, often_retransmits},
    {"retransmits", "RETR", 5, K::kCount, "segments sent again",
     [](const Process& p, const Options&) -> CellValue { return p.retransmits; }},
    {"cgroup_id", "CGROUP", 7, K::kId, "number of the process's cgroup",
     [](const Process& p, const Options&) { return known(p.cgroup_id); }},
    {"netns", "NETNS", 10, K::kId, "inode number of its network namespace",
     process_member<Process, &ProcessInfo::netns>},
}};
const auto kProcessColumns = joined(kOwnProcessColumns, kDescribingColumns<Process>);

std::string endpoint_text(const CellValue& value, std::size_t width) {
  const auto* endpoint = std::get_if<Endpoint>(&value);
  return endpoint == nullptr ? "*" : shorten_endpoint(*endpoint, width);
}

std::string number_text(ValueKind kind, const CellValue& value, const Options& options) {
  if (const auto* real = std::get_if<double>(&value)) {
    return kind == K::kRate ? format_rate(*real, options.units) : fmt::format("{:.1f}", *real);
  }
  const std::uint64_t number = std::get<std::uint64_t>(value);
  switch (kind) {
    case K::kBytes:
      return format_bytes(number);
    case K::kRtt:
      return format_ms(static_cast<std::uint32_t>(number));
    case K::kDuration:
      return format_age_us(number);
    default:
      return std::to_string(number);
  }
}

std::string user_text(const CellValue& value, const Options& options) {
  const std::uint64_t uid = std::get<std::uint64_t>(value);
  std::string name = options.user_name ? options.user_name(static_cast<std::uint32_t>(uid)) : "";
  return name.empty() ? std::to_string(uid) : clean_text(name);
}

template <class Row>
std::vector<std::string_view> column_names() {
  std::vector<std::string_view> names;
  for (const auto& column : all_columns<Row>()) names.push_back(column.name);
  return names;
}

}  // namespace

template <>
std::span<const Column<Flow>> all_columns<Flow>() {
  return kFlowColumns;
}

template <>
std::span<const Column<Process>> all_columns<Process>() {
  return kProcessColumns;
}

bool is_of_process(const Column<Flow>& column) {
  for (const std::string_view name : {"pid", "comm", "uid", "user", "cgroup_id"})
    if (column.name == name) return true;
  return std::any_of(kDescribingColumns<Flow>.begin(), kDescribingColumns<Flow>.end(),
                     [&](const auto& other) { return other.name == column.name; });
}

bool needs_description(std::string_view columns) {
  while (!columns.empty()) {
    const std::size_t comma = columns.find(',');
    const std::string_view name = columns.substr(0, comma);
    if (name == "netns") return true;  // of a process
    for (const auto& column : kDescribingColumns<Flow>)
      if (column.name == name) return true;
    columns.remove_prefix(comma == columns.npos ? columns.size() : comma + 1);
  }
  return false;
}

template <class Row>
const Column<Row>* find_column(std::string_view name) {
  const auto columns = all_columns<Row>();
  const auto it = std::find_if(columns.begin(), columns.end(),
                               [&](const auto& column) { return column.name == name; });
  return it == columns.end() ? nullptr : &*it;
}

template <class Row>
tl::expected<const Column<Row>*, std::string> parse_column(std::string_view name) {
  if (const auto* column = find_column<Row>(name)) return column;
  const auto names = column_names<Row>();
  return tl::make_unexpected(fmt::format("unknown column '{}'{} (columns: {})", clean_text(name),
                                         did_you_mean(name, names), comma_list(names)));
}

template <class Row>
tl::expected<ColumnList<Row>, std::string> parse_columns(std::string_view list) {
  ColumnList<Row> columns;
  for (bool more = true; more;) {
    const std::size_t comma = list.find(',');
    const auto column = parse_column<Row>(list.substr(0, comma));
    if (!column) return tl::make_unexpected(column.error());
    columns.push_back(*column);
    more = comma != list.npos;
    if (more) list.remove_prefix(comma + 1);
  }
  return columns;
}

template <class Row>
std::string column_help() {
  std::string help;
  for (const auto& column : all_columns<Row>()) {
    help += fmt::format("  {:<12} {}\n", column.name, column.help);
  }
  return help;
}

template <class Row>
std::string cell_text(const Column<Row>& column, const Row& row, const CellOptions& options,
                      std::size_t width) {
  const CellValue value = column.value(row, options);
  if (column.kind == K::kEndpoint) return endpoint_text(value, width);
  if (std::holds_alternative<std::monostate>(value)) return shorten_right(column.unknown, width);
  if (const auto* text = std::get_if<std::string>(&value))
    return shorten_right(clean_text(bounded(*text)), std::min(width, kMostCells));
  if (column.kind == K::kUser) return shorten_right(user_text(value, options), width);
  const bool alarming = column.alarming != nullptr && column.alarming(row);
  return number_text(column.kind, value, options) + (alarming ? "!" : "");
}

template <class Row>
std::string raw_text(const Column<Row>& column, const Row& row, const CellOptions& options) {
  CellOptions full = options;
  full.wide = true;
  const CellValue value = column.value(row, full);
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:.3f}", *real);
  if (const auto* text = std::get_if<std::string>(&value))
    return shorten_right(clean_text(bounded(*text)), kMostCells);
  if (const auto* endpoint = std::get_if<Endpoint>(&value)) return to_string(*endpoint);
  return {};
}

template <class Row>
SortKey sort_key(const Column<Row>& column, const Row& row, const CellOptions& options) {
  const CellValue value = column.value(row, options);
  if (std::holds_alternative<std::monostate>(value)) return {};
  if (column.kind == K::kUser && options.user_name) return user_text(value, options);
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*number);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const auto& [addr, port] = std::get<Endpoint>(value);
  std::string key(1, static_cast<char>(addr.family));
  key.append(addr.bytes.begin(), addr.bytes.end());
  return key + static_cast<char>(port >> 8) + static_cast<char>(port & 0xFF);
}

#define INSTANTIATE(Row)                                                                           \
  template const Column<Row>* find_column<Row>(std::string_view);                                  \
  template tl::expected<const Column<Row>*, std::string> parse_column<Row>(std::string_view);      \
  template tl::expected<ColumnList<Row>, std::string> parse_columns<Row>(std::string_view);        \
  template std::string column_help<Row>();                                                         \
  template std::string cell_text(const Column<Row>&, const Row&, const CellOptions&, std::size_t); \
  template std::string raw_text(const Column<Row>&, const Row&, const CellOptions&);               \
  template SortKey sort_key(const Column<Row>&, const Row&, const CellOptions&);

INSTANTIATE(Flow)
INSTANTIATE(Process)

#undef INSTANTIATE

}  // namespace sockscope
