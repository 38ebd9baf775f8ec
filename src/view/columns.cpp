// SPDX-License-Identifier: Apache-2.0
#include "view/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>

#include "base/suggest.h"
#include "view/flow_text.h"

namespace sockscope {
namespace {

// A process chooses its arguments: without a limit, a megabyte of them would become the width of
// every row.
constexpr std::size_t kMostCells = 4096;
std::string_view bounded(std::string_view text) {
  return text.substr(0, 4 * kMostCells);
}

using Options = CellOptions;

CellValue known(std::uint64_t value) {
  if (value == 0) return {};
  return value;
}

CellValue known(std::string_view text) {
  if (text.empty()) return {};
  return std::string(text);
}

CellValue known(const std::optional<double>& value) {
  if (!value) return {};
  return *value;
}

CellValue known(const std::optional<std::uint32_t>& value) {
  if (!value) return {};
  return std::uint64_t{*value};
}

// Reads a member, or a member of a member.
template <auto... path, class Row>
CellValue known_of(const Row& row, const Options&) {
  return known((row.*....*path));
}

// For counts, where 0 is a value, too.
template <auto member, class Row>
CellValue count_of(const Row& row, const Options&) {
  return std::uint64_t{row.*member};
}

template <auto member>
CellValue counted(const Flow& f, const Options&) {
  return f.has_counters ? CellValue(std::uint64_t{f.counters.*member}) : CellValue();
}

template <auto member>
CellValue segments(const Flow& f, const Options& o) {
  return f.has_segments ? counted<member>(f, o) : CellValue();
}

template <class Row>
CellValue both_rates(const Row& row, const Options&) {
  if (!row.rx_rate || !row.tx_rate) return {};
  return *row.rx_rate + *row.tx_rate;
}

CellValue state(const Flow& f, const Options& o) {
  const TcpState shown = shown_state(f);
  if (f.protocol != Protocol::kTcp) return f.closed ? known(short_name(shown)) : CellValue();
  return known(o.wide ? to_string(shown) : short_name(shown));
}

// Which families a socket without a remote end accepts; "": not known, or it has a remote end.
std::string_view stack(const Flow& f) {
  if (f.ipv6_only) return *f.ipv6_only || !f.local.addr.is_unspecified() ? "IPv6" : "dual";
  const bool is_open = f.direction == Direction::kListen ||
                       (f.protocol == Protocol::kUdp && f.remote.addr.is_unspecified());
  return is_open && f.local.addr.family == 4 ? "IPv4" : "";
}

// In microseconds.
CellValue age(const Flow& f, const Options& o) {
  const std::uint64_t end = f.closed ? f.closed_ns : o.now_ns;
  if (f.opened_ns == 0 || end < f.opened_ns) return {};
  return (end - f.opened_ns) / 1000;
}

// More than one segment in a hundred, if at least kLeastSegments were sent.
bool many_retransmits(const Flow& f) {
  return f.counters.tx_segments >= kLeastSegments &&
         std::uint64_t{f.counters.retransmits} * 100 > f.counters.tx_segments;
}

// The process behind a row; null, "" and 0: not known.
const ProcessInfo* process_of(const Flow& f) {
  return f.owner.process.get();
}
const ProcessInfo* process_of(const Process& p) {
  return p.info.get();
}

template <class Row, std::string_view (ProcessInfo::*read)() const noexcept>
CellValue process_text(const Row& row, const Options&) {
  const ProcessInfo* info = process_of(row);
  return info ? known((info->*read)()) : CellValue();
}

template <class Row>
CellValue arguments(const Row& row, const Options&) {
  const ProcessInfo* info = process_of(row);
  if (!info || info->cmdline().empty()) return {};
  return std::string(info->cmdline()) + (info->program->arguments_truncated ? "…" : "");
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
using enum ColumnId;

// Columns about the process of each row. They need Options::describe.
template <class Row>
constexpr std::array<Column<Row>, 10> kDescribingColumns{{
    {kExe, 12, "path of the executable", process_text<Row, &ProcessInfo::exe>},
    {kCmdline, 12, "its arguments", arguments<Row>},
    {kUnit, 10, "systemd's unit", process_text<Row, &ProcessInfo::unit>},
    {kContainer, 10, "name of the container, else its short id",
     process_text<Row, &ProcessInfo::container>},
    {kPod, 8, "uid of the Kubernetes pod", process_text<Row, &ProcessInfo::pod>},
    {kCgroup, 10, "path of the cgroup", cgroup_path<Row>},
    {kPpid, 7, "parent process", process_member<Row, &ProcessInfo::parent_pid>},
    {kParent, 8, "names of its parents, nearest first", process_member<Row, &ProcessInfo::parents>},
    {kSession, 7, "session", process_member<Row, &ProcessInfo::session>},
    {kInnerPid, 7, "its pid in the pid namespace of its own",
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

template <auto read>
CellValue of_other_end(const Flow& f, const Options&) {
  return f.other_end ? read(*f.other_end) : CellValue();
}

const std::array<Column<Flow>, 36> kOwnFlowColumns{{
    {kPid, 7, "process that uses the socket", known_of<&Flow::owner, &Owner::pid>},
    {kOpenerPid, 7, "process that connected, accepted or created it",
     known_of<&Flow::owner, &Owner::opener_pid>},
    {kComm, 10, "name of the process",
     [](const Flow& f, const Options&) {
       return known(f.owner.kind == OwnerKind::kKernel ? kTheKernel : f.owner.name());
     },
     nullptr, kNobody},
    {kUid, 8, "user the process runs as (CSV: number)", known_of<&Flow::owner, &Owner::uid>},
    {kUser, 8, "the same", known_of<&Flow::owner, &Owner::uid>},
    {kProto, 4, "tcp, tcp6, udp or udp6; quic or quic6 (--udp-peers)",
     [](const Flow& f, const Options&) { return known(protocol_name(f)); }},
    {kLocal, 15, "local address and port",
     [](const Flow& f, const Options&) -> CellValue { return f.local; }},
    {kLport, 5, "local port", known_of<&Flow::local, &Endpoint::port>},
    {kRemote, 15, "remote address and port, * when not connected",
     [](const Flow& f, const Options&) {
       return f.remote.addr.is_unspecified() ? CellValue() : f.remote;
     }},
    {kNat, 20,
     "the other ends that its packets have: LOCAL→REMOTE, what is not translated left out",
     [](const Flow& f, const Options&) { return known(std::string_view(translation_text(f))); }},
    {kRemoteName, 20, "what the remote end was asked for by in DNS (trace --dns, top)",
     [](const Flow& f, const Options&) {
       return f.remote_name ? known(f.remote_name->name) : CellValue();
     }},
    {kRport, 5, "remote port",
     [](const Flow& f, const Options&) {
       return f.remote.addr.is_unspecified() ? CellValue() : known(f.remote.port);
     }},
    {kDirection, 8, "outbound, inbound or listen",
     [](const Flow& f, const Options&) { return known(to_string(f.direction)); }},
    {kStack, 6, "of listening and unconnected sockets: IPv4, IPv6 or dual, one for both",
     [](const Flow& f, const Options&) { return known(stack(f)); }},
    {kState, 4, "TCP state: EST SYN FIN TW CLSW CLS LIS, or its full name", state},
    {kRxRate, 7, "received per second (CSV: bytes)", known_of<&Flow::rx_rate>},
    {kTxRate, 7, "sent per second (CSV: bytes)", known_of<&Flow::tx_rate>},
    {kRate, 7, "both per second (CSV: bytes)", both_rates<Flow>},
    {kRxBytes, 8, "bytes received", counted<&Counters::rx_bytes>},
    {kTxBytes, 8, "bytes sent", counted<&Counters::tx_bytes>},
    {kRxSegments, 7, "segments or datagrams received", segments<&Counters::rx_segments>},
    {kTxSegments, 7, "segments or datagrams sent", segments<&Counters::tx_segments>},
    {kRetransmits, 4, "segments sent again, ! above 1 % of 100 or more",
     [](const Flow& f, const Options& o) {
       return f.protocol == Protocol::kTcp ? segments<&Counters::retransmits>(f, o) : CellValue();
     },
     many_retransmits},
    {kRtt, 6, "smoothed round trip time in ms (CSV: us)",
     known_of<&Flow::counters, &Counters::srtt_us>},
    {kMinRtt, 6, "least round trip time in ms (CSV: us)",
     known_of<&Flow::counters, &Counters::min_rtt_us>},
    {kOwner, 16, "how the process is known: exact, inherited, found holding it, kernel, unknown",
     [](const Flow& f, const Options& o) {
       return known(o.raw ? to_string(f.owner.kind) : owner_text(f.owner.kind));
     }},
    {kNetns, 10, "inode number of the network namespace", known_of<&Flow::netns>},
    {kCgroupId, 7, "number of the process's cgroup", known_of<&Flow::owner, &Owner::cgroup_id>},
    {kCookie, 8, "the kernel's number for the socket", known_of<&Flow::cookie>},
    {kConnId, 16, "name of the connection, the same at both ends",
     [](const Flow& f, const Options&) { return known(std::string_view(to_string(f.conn_id))); }},
    {kOtherPid, 9, "process at the other end, if that is on this host",
     of_other_end<[](const OtherEnd& other) { return known(other.owner.pid); }>},
    {kOtherComm, 13, "name of that process", of_other_end<[](const OtherEnd& other) {
       return known(other.owner.kind == OwnerKind::kKernel ? kTheKernel : other.owner.name());
     }>},
    {kOtherNetns, 11, "network namespace of the other end",
     of_other_end<[](const OtherEnd& other) { return known(other.netns); }>},
    {kOtherLocal, 15, "local address and port of the other end; differs from REMOTE if translated",
     of_other_end<[](const OtherEnd& other) {
       return known(std::string_view(to_string(other.local)));
     }>},
    {kAge, 8, "time since it was opened, of closed ones how long it was open (CSV: us)", age},
    {kHolders, 12, "every process that has it open (with --holders)", holders},
}};
// Columns about an open TCP connection. They need Options::tcp_internals.
template <auto read>
CellValue internal(const Flow& f, const Options&) {
  const bool is_connection = f.internals && f.state != TcpState::kListen;
  return is_connection ? read(*f.internals) : CellValue();
}

template <auto member>
constexpr auto internal_count = internal<[](const TcpInternals& tcp) -> CellValue {
  if constexpr (std::is_integral_v<std::decay_t<decltype(tcp.*member)>>)
    return std::uint64_t{tcp.*member};
  else
    return tcp.*member ? CellValue(std::uint64_t{*(tcp.*member)}) : CellValue();
}>;

// For listeners too: connections that wait to be accepted, their limit, and what was dropped.
template <auto member>
CellValue queue(const Flow& f, const Options&) {
  return f.internals ? CellValue(std::uint64_t{(*f.internals).*member}) : CellValue();
}
CellValue socket_drops(const Flow& f, const Options&) {
  return f.internals && f.internals->drops ? CellValue(std::uint64_t{*f.internals->drops})
                                           : CellValue();
}

constexpr std::array<Column<Flow>, 18> kInternalColumns{{
    {kReceiveQueue, 6,
     "bytes not yet read by the process; of a listener: connections not yet accepted",
     queue<&TcpInternals::receive_queue>},
    {kSendQueue, 6, "bytes not yet acknowledged; of a listener: how many connections may wait",
     queue<&TcpInternals::send_queue>},
    {kSocketDrops, 5,
     "segments that found no room; of a listener: connections, and requests for them, dropped",
     socket_drops},
    {kNotSent, 7, "bytes written that did not leave yet",
     internal_count<&TcpInternals::unsent_bytes>},
    {kCwnd, 5, "congestion window, segments", internal_count<&TcpInternals::congestion_window>},
    {kSsthresh, 5, "slow start threshold, segments; — when it was never left",
     internal_count<&TcpInternals::slow_start_threshold>},
    {kRto, 6, "retransmission timeout in ms (CSV: us)",
     internal_count<&TcpInternals::retransmit_timeout_us>},
    {kRttVariation, 6, "variation of the round trip time in ms (CSV: us)",
     internal_count<&TcpInternals::rtt_variance_us>},
    {kReceiverLimited, 5,
     "per cent of the time with data under way that the peer's window held it up",
     internal<[](const TcpInternals& tcp) { return known(tcp.receiver_limited()); }>},
    {kBufferLimited, 7, "per cent of it that our send buffer did",
     internal<[](const TcpInternals& tcp) { return known(tcp.buffer_limited()); }>},
    {kBusy, 8, "time with data under way (CSV: us)", internal_count<&TcpInternals::busy_us>},
    {kDeliveryRate, 8, "what reached the peer per second when it was last measured (CSV: bytes)",
     internal<[](const TcpInternals& tcp) -> CellValue {
       return tcp.delivery_rate ? CellValue(static_cast<double>(*tcp.delivery_rate)) : CellValue();
     }>},
    {kLost, 5, "segments under way that are thought lost", internal_count<&TcpInternals::lost>},
    {kReordering, 5, "segments that may come out of order before one is thought lost",
     internal_count<&TcpInternals::reordering>},
    {kDsack, 5, "segments sent again although they had arrived",
     internal_count<&TcpInternals::duplicate_acks>},
    {kPathMtu, 5, "path MTU, bytes", internal_count<&TcpInternals::path_mtu>},
    {kMss, 5, "largest segment sent, bytes", internal_count<&TcpInternals::mss>},
    {kCongestionControl, 6, "congestion control",
     internal<[](const TcpInternals& tcp) -> CellValue {
       return known(std::string_view(tcp.congestion_control.data()));
     }>},
}};

const auto kFlowColumns =
    joined(joined(kOwnFlowColumns, kInternalColumns), kDescribingColumns<Flow>);

const std::array<Column<Process>, 17> kOwnProcessColumns{{
    {kPid, 7, "process", known_of<&Process::pid>},
    {kComm, 15, "name of the process",
     [](const Process& p, const Options&) { return known(p.name()); }, nullptr, kNobody},
    {kUid, 8, "user the process runs as (CSV: number)", known_of<&Process::uid>},
    {kUser, 8, "the same", known_of<&Process::uid>},
    {kConns, 5, "open connections", count_of<&Process::open_flows>},
    {kListeners, 6, "listening sockets", count_of<&Process::listeners>},
    {kClosedFlows, 6, "connections closed since sockscope started",
     count_of<&Process::closed_flows>},
    {kRxRate, 8, "received per second (CSV: bytes)", known_of<&Process::rx_rate>},
    {kTxRate, 8, "sent per second (CSV: bytes)", known_of<&Process::tx_rate>},
    {kRate, 8, "both per second (CSV: bytes)", both_rates<Process>},
    {kRxBytes, 8, "bytes received", count_of<&Process::rx_bytes>},
    {kTxBytes, 8, "bytes sent", count_of<&Process::tx_bytes>},
    {kMeanRtt, 7, "mean smoothed round trip time in ms (CSV: us)", known_of<&Process::srtt_us>},
    {kRetransmitRate, 6, "segments sent again per second, ! above 1 % of 100 or more",
     known_of<&Process::retransmit_rate>, often_retransmits},
    {kRetransmits, 5, "segments sent again", count_of<&Process::retransmits>},
    {kCgroupId, 7, "number of the process's cgroup", known_of<&Process::cgroup_id>},
    {kNetns, 10, "inode number of its network namespace",
     process_member<Process, &ProcessInfo::netns>},
}};
const auto kProcessColumns = joined(kOwnProcessColumns, kDescribingColumns<Process>);

std::string endpoint_text(const CellValue& value, std::size_t width) {
  const auto* endpoint = std::get_if<Endpoint>(&value);
  if (endpoint == nullptr) return "*";
  std::string text = shorten_endpoint(*endpoint, width);
  // Port 0 means that no port was chosen yet, or that none is needed.
  if (endpoint->port == 0 && text.ends_with(":0")) text.back() = '*';
  return text;
}

std::string number_text(ValueKind kind, const CellValue& value, const Options& options) {
  if (const auto* real = std::get_if<double>(&value)) {
    return kind == K::kRate ? format_rate(*real, options.units) : fmt::format("{:.1f}", *real);
  }
  const std::uint64_t number = std::get<std::uint64_t>(value);
  switch (kind) {
    case K::kBytes: return format_bytes(number);
    case K::kRtt: return format_ms(static_cast<std::uint32_t>(number));
    case K::kDuration: return format_age_us(number);
    default: return std::to_string(number);
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
  for (const auto& column : all_columns<Row>()) names.push_back(column.info().name);
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

bool is_needed(Needs what, std::string_view columns) {
  while (!columns.empty()) {
    const std::size_t comma = columns.find(',');
    const std::string_view name = columns.substr(0, comma);
    const auto* column = find_column<Flow>(name);
    // A socket's network namespace is always known, a process's only when it is described.
    if (column &&
        (column->info().needs == what || (what == Needs::kDescription && column->id == kNetns)))
      return true;
    columns.remove_prefix(comma == columns.npos ? columns.size() : comma + 1);
  }
  return false;
}

template <class Row>
const Column<Row>* find_column(std::string_view name) {
  for (const auto& column : all_columns<Row>())
    if (column.info().name == name) return &column;
  return nullptr;
}

template <class Row>
const Column<Row>* find_column(ColumnId id) {
  for (const auto& column : all_columns<Row>())
    if (column.id == id) return &column;
  return nullptr;
}

template <class Row>
ColumnList<Row> columns_of(std::span<const ColumnId> ids) {
  ColumnList<Row> columns;
  for (const ColumnId id : ids) columns.push_back(find_column<Row>(id));
  return columns;
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
    help += fmt::format("  {:<12} {}\n", column.info().name, column.help);
  }
  return help;
}

std::string value_text(ValueKind kind, const CellValue& value, const CellOptions& options) {
  if (const auto* text = std::get_if<std::string>(&value))
    return shorten_right(clean_text(bounded(*text)), kMostCells);
  if (std::holds_alternative<std::monostate>(value)) return "—";
  return kind == K::kUser ? user_text(value, options) : number_text(kind, value, options);
}

template <class Row>
std::string cell_text(const Column<Row>& column, const Row& row, const CellOptions& options,
                      std::size_t width) {
  const CellValue value = column.value(row, options);
  const ValueKind kind = column.info().kind;
  if (kind == K::kEndpoint) return endpoint_text(value, width);
  if (std::holds_alternative<std::monostate>(value)) return shorten_right(column.unknown, width);
  if ((column.id == kNetns || column.id == kOtherNetns) && options.netns_name)
    if (const std::string name =
            options.netns_name(static_cast<std::uint32_t>(std::get<std::uint64_t>(value)));
        !name.empty())
      return shorten_right(clean_text(name), width);
  const std::string text = value_text(kind, value, options);
  if (kind == K::kText || kind == K::kUser) return shorten_right(text, width);
  const bool alarming = column.alarming != nullptr && column.alarming(row);
  return alarming ? text + '!' : text;
}

template <class Row>
std::string raw_text(const Column<Row>& column, const Row& row, const CellOptions& options) {
  CellOptions full = options;
  full.wide = full.raw = true;
  const CellValue value = column.value(row, full);
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:.3f}", *real);
  if (const auto* text = std::get_if<std::string>(&value))
    return shorten_right(clean_text(bounded(*text)), kMostCells);
  if (const auto* endpoint = std::get_if<Endpoint>(&value)) return to_string(*endpoint);
  return {};
}

bool comes_before(const SortKey& a, const SortKey& b, bool reversed) {
  const bool a_unknown = std::holds_alternative<std::monostate>(a);
  const bool b_unknown = std::holds_alternative<std::monostate>(b);
  if (a_unknown != b_unknown) return b_unknown;
  const bool descending = std::holds_alternative<double>(a) != reversed;
  return descending ? b < a : a < b;
}

SortKey value_key(ValueKind kind, const CellValue& value, const CellOptions& options) {
  if (std::holds_alternative<std::monostate>(value)) return {};
  if (kind == K::kUser && options.user_name) return user_text(value, options);
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*number);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const auto& [addr, port] = std::get<Endpoint>(value);
  std::string key(1, static_cast<char>(addr.family));
  key.append(addr.bytes.begin(), addr.bytes.end());
  return key + static_cast<char>(port >> 8) + static_cast<char>(port & 0xFF);
}

template <class Row>
SortKey sort_key(const Column<Row>& column, const Row& row, const CellOptions& options) {
  return value_key(column.info().kind, column.value(row, options), options);
}

#define INSTANTIATE(Row)                                                                           \
  template const Column<Row>* find_column<Row>(std::string_view);                                  \
  template const Column<Row>* find_column<Row>(ColumnId);                                          \
  template ColumnList<Row> columns_of<Row>(std::span<const ColumnId>);                             \
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
