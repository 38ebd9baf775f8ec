// SPDX-License-Identifier: Apache-2.0
#include "view/filter_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/ascii.h"
#include "base/kernel_limits.h"
#include "base/suggest.h"
#include "model/address.h"
#include "model/connection_ids.h"
#include "model/pattern.h"
#include "view/column_id.h"
#include "view/columns.h"
#include "view/filter_event_terms.h"
#include "view/flow_text.h"

namespace sockscope {
namespace {

using Op = FilterOp;
using Value = FilterValue;
using Test = FilterTest::value_type;
using Parsed = FilterTest;

tl::unexpected<std::string> error(std::string why) {
  return tl::make_unexpected(std::move(why));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Numbers.

// The values that a number key is compared with: one, or two of which either may match.
using Readings = std::array<std::optional<double>, 2>;
using Reader = Readings (*)(const Flow&);

std::optional<double> known(double value) {
  return value != 0 ? std::optional(value) : std::nullopt;
}

std::optional<double> parse_number(std::string_view text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  double value = 0;
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (failure != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.empty()) return value;
  const bool iec = text.size() == 2 && text[1] == 'i';
  if (text.size() != 1 && !iec) return std::nullopt;
  const std::size_t power = std::string_view("kMGT").find(text[0] == 'K' ? 'k' : text[0]);
  if (power == std::string_view::npos) return std::nullopt;
  for (std::size_t i = 0; i <= power; ++i) value *= iec ? 1024 : 1000;
  return value;
}

struct NumberRange {
  double first;
  double last;
};
using Ranges = std::vector<NumberRange>;

// "80", "8000-8100", "80,443,8000-8100".
tl::expected<Ranges, std::string> parse_ranges(std::string_view text) {
  Ranges ranges;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const std::size_t dash = item.find('-');
    const auto first = parse_number(item.substr(0, dash));
    const auto last = dash == item.npos ? first : parse_number(item.substr(dash + 1));
    if (!first || !last) return error(fmt::format("'{}' is not a number", item));
    if (*first > *last) return error(fmt::format("'{}' is an empty range", item));
    ranges.push_back({*first, *last});
    more = comma != text.npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return ranges;
}

tl::expected<Ranges, std::string> wanted_ranges(const Value& value) {
  if (value.op == Op::kColon || value.op == Op::kEqual) return parse_ranges(value.text);
  const auto limit = parse_number(value.text);
  if (!limit) return error(fmt::format("'{}' is not a number", value.text));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (value.op) {
    case Op::kLess: return Ranges{{-kInfinity, std::nextafter(*limit, -kInfinity)}};
    case Op::kLessEqual: return Ranges{{-kInfinity, *limit}};
    case Op::kGreater: return Ranges{{std::nextafter(*limit, kInfinity), kInfinity}};
    default: return Ranges{{*limit, kInfinity}};
  }
}

// most: the largest value that is possible.
Parsed number_test(Reader read, double most, const Value& value) {
  auto ranges = wanted_ranges(value);
  if (!ranges) return error(ranges.error());
  for (const NumberRange& range : *ranges)
    for (const double limit : {range.first, range.last})
      if (std::isfinite(limit) && limit > most)
        return error(
            fmt::format("'{}' is more than {:.0f}, the most there can be", value.text, most));
  return [read, ranges = *std::move(ranges)](const Flow& flow) {
    for (const auto& reading : read(flow)) {
      for (const NumberRange& range : ranges) {
        if (reading && *reading >= range.first && *reading <= range.last) return true;
      }
    }
    return false;
  };
}

// Texts.

bool contains(std::string_view text, std::string_view lower_word) {
  return std::search(text.begin(), text.end(), lower_word.begin(), lower_word.end(),
                     [](char a, char b) { return ascii_lower(a) == b; }) != text.end() ||
         lower_word.empty();
}

using TextTest = std::function<bool(std::string_view)>;

tl::expected<TextTest, std::string> text_test(const Value& value) {
  if (!value.regex) {
    return [word = ascii_lower(value.text)](std::string_view text) { return contains(text, word); };
  }
  auto pattern = Pattern::compile(value.text, Pattern::Case::kIgnored);
  if (!pattern) return error(pattern.error());
  return [pattern = std::move(*pattern)](std::string_view text) { return pattern.is_in(text); };
}

// Matches a text of a flow, where there is one.
template <auto read>
Parsed flow_text_test(const Value& value) {
  if (value.op == Op::kEqual && !value.regex) {
    return [name = value.text](const Flow& flow) {
      const std::optional<std::string_view> text = read(flow);
      return text && *text == name;
    };
  }
  auto test = text_test(value);
  if (!test) return error(test.error());
  return [test = *std::move(test)](const Flow& flow) {
    const std::optional<std::string_view> text = read(flow);
    return text && test(*text);
  };
}

using FlowText = std::optional<std::string_view>;
FlowText comm_of(const Flow& flow) {
  return flow.owner.name();
}
FlowText other_comm_of(const Flow& flow) {
  return flow.other_end ? FlowText(flow.other_end->owner.name()) : std::nullopt;
}
FlowText remote_name_of(const Flow& flow) {
  return flow.remote_name ? FlowText(flow.remote_name->name) : std::nullopt;
}

Parsed conn_id_test(const Value& value) {
  const auto id = parse_connection_id(value.text);
  if (!id) return error(fmt::format("'{}' is not 16 hexadecimal digits", value.text));
  return [id = *id](const Flow& flow) { return flow.conn_id == id; };
}

// Matches a text of the process, as far as that is known.
template <std::string_view (*read)(const ProcessInfo&)>
Parsed process_test(const Value& value) {
  if (value.op == Op::kEqual && !value.regex) {
    return [name = value.text](const Flow& flow) {
      return flow.owner.process && read(*flow.owner.process) == name;
    };
  }
  auto test = text_test(value);
  if (!test) return error(test.error());
  return [test = *std::move(test)](const Flow& flow) {
    if (!flow.owner.process) return false;
    const std::string_view text = read(*flow.owner.process);
    return !text.empty() && test(text);
  };
}

std::string_view exe_of(const ProcessInfo& info) {
  return info.exe();
}
std::string_view cmdline_of(const ProcessInfo& info) {
  return info.cmdline();
}
std::string_view unit_of(const ProcessInfo& info) {
  return info.unit();
}
std::string_view pod_of(const ProcessInfo& info) {
  return info.pod();
}
std::string_view parents_of(const ProcessInfo& info) {
  return info.parents;
}
std::string_view cgroup_of(const ProcessInfo& info) {
  return info.cgroup ? std::string_view(info.cgroup->path) : std::string_view();
}
std::string_view container_of(const ProcessInfo& info) {
  if (!info.cgroup) return {};
  return info.cgroup->container_name.empty() ? std::string_view(info.cgroup->container_id)
                                             : std::string_view(info.cgroup->container_name);
}

Readings of_process(const Flow& flow, std::uint32_t ProcessInfo::*member) {
  if (!flow.owner.process) return {};
  return {known((*flow.owner.process).*member)};
}

Parsed user_test(const Value& value) {
  std::optional<std::uint32_t> uid;
  if (std::all_of(value.text.begin(), value.text.end(), is_digit)) {
    std::uint32_t number = 0;
    const char* end = value.text.data() + value.text.size();
    if (std::from_chars(value.text.data(), end, number).ec == std::errc()) uid = number;
  } else if (value.lookup_user != nullptr) {
    uid = value.lookup_user(value.text);
  }
  if (!uid) return error(fmt::format("there is no user '{}'", value.text));
  return [uid](const Flow& flow) { return flow.owner.uid == uid; };
}

// Words from a list.

template <class T>
struct Choice {
  std::string_view name;
  T value;
};

template <class T, std::size_t N>
tl::expected<T, std::string> choose(const std::array<Choice<T>, N>& choices,
                                    std::string_view word) {
  const std::string typed = ascii_lower(word);
  std::vector<std::string_view> names;
  for (const auto& choice : choices) {
    if (choice.name == typed) return choice.value;
    names.push_back(choice.name);
  }
  return error(fmt::format("'{}' is none of {}", word, comma_list(names)));
}

struct ProtocolFamily {
  Protocol protocol;
  std::uint8_t family;      // 0: both
  App app = App::kUnknown;  // kUnknown: any
};

Parsed proto_test(const Value& value) {
  static constexpr std::array<Choice<ProtocolFamily>, 7> kChoices{{
      {"tcp", {Protocol::kTcp, 0}},
      {"udp", {Protocol::kUdp, 0}},
      {"tcp4", {Protocol::kTcp, 4}},
      {"tcp6", {Protocol::kTcp, 6}},
      {"udp4", {Protocol::kUdp, 4}},
      {"udp6", {Protocol::kUdp, 6}},
      {"quic", {Protocol::kUdp, 0, App::kQuic}},
  }};
  const auto chosen = choose(kChoices, value.text);
  if (!chosen) return error(chosen.error());
  return [want = *chosen](const Flow& flow) {
    return flow.protocol == want.protocol &&
           (want.family == 0 || flow.local.addr.family == want.family) &&
           (want.app == App::kUnknown || flow.app == want.app);
  };
}

Parsed dir_test(const Value& value) {
  static constexpr std::array<Choice<Direction>, 6> kChoices{{
      {"in", Direction::kInbound},
      {"out", Direction::kOutbound},
      {"listen", Direction::kListen},
      {"unknown", Direction::kUnknown},
      {"inbound", Direction::kInbound},
      {"outbound", Direction::kOutbound},
  }};
  const auto chosen = choose(kChoices, value.text);
  if (!chosen) return error(chosen.error());
  return [want = *chosen](const Flow& flow) { return flow.direction == want; };
}

Parsed owner_test(const Value& value) {
  static constexpr std::array<Choice<OwnerKind>, 6> kChoices{{
      {"exact", OwnerKind::kExact},
      {"inherited", OwnerKind::kInherited},
      {"found", OwnerKind::kBootstrap},
      {"bootstrap", OwnerKind::kBootstrap},
      {"kernel", OwnerKind::kKernel},
      {"unknown", OwnerKind::kUnknown},
  }};
  const auto chosen = choose(kChoices, value.text);
  if (!chosen) return error(chosen.error());
  return [want = *chosen](const Flow& flow) { return flow.owner.kind == want; };
}

// Makes "TIME_WAIT", "time-wait" and "timewait" equal.
std::string plain(std::string_view word) {
  std::string out = ascii_lower(word);
  std::erase_if(out, [](char c) { return c == '_' || c == '-'; });
  return out;
}

Parsed state_test(const Value& value) {
  std::string word = plain(value.text);
  if (word == "closed") word = "close";
  if (word == "estab") word = "established";
  std::array<bool, 256> wanted{};
  bool found = false;
  for (unsigned i = 1; i <= static_cast<unsigned>(TcpState::kNewSynRecv); ++i) {
    const auto state = static_cast<TcpState>(i);
    wanted[i] = word == plain(to_string(state)) || word == plain(short_name(state));
    found = found || wanted[i];
  }
  if (!found) {
    return error(fmt::format("'{}' is no state; short forms are est, syn, fin, tw, clsw, cls, lis",
                             value.text));
  }
  return
      [wanted](const Flow& flow) { return wanted[static_cast<std::uint8_t>(shown_state(flow))]; };
}

// Addresses.

struct Prefix {
  Address addr;
  unsigned bits = 0;

  bool contains(const Address& other) const {
    if (other.family != addr.family || (addr.zone != Zone() && other.zone != addr.zone))
      return false;
    for (unsigned i = 0; i < bits; i += 8) {
      const unsigned ignored = bits - i >= 8 ? 0 : 8 - (bits - i);
      if (addr.bytes[i / 8] >> ignored != other.bytes[i / 8] >> ignored) return false;
    }
    return true;
  }
};

// "10.0.0.0/8", "fe80::1%eth0", "::ffff:10.0.0.0/104"
std::optional<Prefix> parse_prefix(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string_view written = std::string_view(text).substr(0, slash);
  const auto address = parse_address(written);
  if (!address || written.starts_with('[')) return std::nullopt;
  const bool is_mapped = address->family == 4 && written.find(':') != written.npos;
  Prefix prefix{*address, address->family == 4 ? 32u : 128u};
  if (slash == text.npos) return prefix;
  const char* end = text.data() + text.size();
  unsigned bits = 0;
  const auto parsed = std::from_chars(text.data() + slash + 1, end, bits);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  if (is_mapped && bits < 96) return std::nullopt;
  if (is_mapped) bits -= 96;
  if (bits > prefix.bits) return std::nullopt;
  prefix.bits = bits;
  return prefix;
}

Parsed src_test(const Value& value) {
  const auto prefix = parse_prefix(value.text);
  if (!prefix) return error(fmt::format("'{}' is not an address or prefix", value.text));
  return [p = *prefix](const Flow& flow) { return p.contains(flow.local.addr); };
}

Parsed dst_test(const Value& value) {
  const auto prefix = parse_prefix(value.text);
  if (!prefix) return error(fmt::format("'{}' is not an address or prefix", value.text));
  return [p = *prefix](const Flow& flow) {
    return !flow.remote.addr.is_unspecified() && p.contains(flow.remote.addr);
  };
}

// Keys.

// A key has the name of its column, unless `as` gives another.
struct Key {
  ColumnId column;
  Reader read;                   // for numbers
  Parsed (*make)(const Value&);  // for all other keys
  bool takes_regex = false;
  std::string_view as = {};
  double most = std::numeric_limits<double>::infinity();  // for a number: the largest value that is
                                                          // possible

  std::string_view name() const { return as.empty() ? info_of(column).name : as; }
};

constexpr Key number_key(ColumnId column, Reader read, std::string_view as = {},
                         double most = std::numeric_limits<double>::infinity()) {
  return {column, read, nullptr, false, as, most};
}
constexpr double kMostPort = 65'535;

using enum ColumnId;

// A number as the column has it in CSV.
template <ColumnId id>
Readings read_column(const Flow& flow) {
  const CellValue value = find_column<Flow>(id)->value(flow, {});
  if (const auto* const number = std::get_if<std::uint64_t>(&value))
    return {static_cast<double>(*number)};
  if (const auto* const real = std::get_if<double>(&value)) return {*real};
  return {};
}

template <ColumnId id>
constexpr Key column_key() {
  return number_key(id, read_column<id>);
}

Parsed congestion_control_test(const Value& value) {
  return [want = ascii_lower(value.text)](const Flow& flow) {
    return flow.internals && want == flow.internals->congestion_control.data();
  };
}

const std::array<Key, 52> kKeys{{
    number_key(
        kPid, [](const Flow& f) -> Readings { return {known(f.owner.pid)}; }, {}, kMostPid),
    {kComm, nullptr, flow_text_test<comm_of>, true},
    {kComm, nullptr, flow_text_test<comm_of>, true, "name"},
    {kUser, nullptr, user_test},
    {kUid, nullptr, user_test},
    number_key(kNetns, [](const Flow& f) -> Readings { return {known(f.netns)}; }),
    {kExe, nullptr, process_test<exe_of>, true},
    {kCmdline, nullptr, process_test<cmdline_of>, true},
    {kUnit, nullptr, process_test<unit_of>, true},
    {kContainer, nullptr, process_test<container_of>, true},
    {kPod, nullptr, process_test<pod_of>, true},
    {kCgroup, nullptr, process_test<cgroup_of>, true},
    {kParent, nullptr, process_test<parents_of>, true},
    number_key(
        kPpid, [](const Flow& f) -> Readings { return of_process(f, &ProcessInfo::parent_pid); },
        {}, kMostPid),
    number_key(
        kSession, [](const Flow& f) -> Readings { return of_process(f, &ProcessInfo::session); },
        {}, kMostPid),
    {kProto, nullptr, proto_test},
    {kState, nullptr, state_test},
    number_key(
        kNone,
        [](const Flow& f) -> Readings {
          return {known(f.local.port), known(f.remote.port)};
        },
        "port", kMostPort),
    number_key(
        kLport, [](const Flow& f) -> Readings { return {known(f.local.port)}; }, "sport",
        kMostPort),
    number_key(
        kRport, [](const Flow& f) -> Readings { return {known(f.remote.port)}; }, "dport",
        kMostPort),
    {kLocal, nullptr, src_test, false, "src"},
    {kRemote, nullptr, dst_test, false, "dst"},
    {kRemoteName, nullptr, flow_text_test<remote_name_of>, true},
    {kConnId, nullptr, conn_id_test},
    number_key(
        kOtherPid,
        [](const Flow& f) -> Readings {
          if (!f.other_end) return {};
          return {known(f.other_end->owner.pid)};
        },
        {}, kMostPid),
    {kOtherComm, nullptr, flow_text_test<other_comm_of>, true},
    {kDirection, nullptr, dir_test, false, "dir"},
    {kOwner, nullptr, owner_test},
    number_key(
        kRxRate, [](const Flow& f) -> Readings { return {f.rx_rate}; }, "rx"),
    number_key(
        kTxRate, [](const Flow& f) -> Readings { return {f.tx_rate}; }, "tx"),
    number_key(
        kRxBytes,
        [](const Flow& f) -> Readings { return {static_cast<double>(f.counters.rx_bytes)}; },
        "rxbytes"),
    number_key(
        kTxBytes,
        [](const Flow& f) -> Readings { return {static_cast<double>(f.counters.tx_bytes)}; },
        "txbytes"),
    number_key(kRtt, [](const Flow& f) -> Readings { return {known(f.counters.srtt_us / 1e3)}; }),
    number_key(
        kRetransmits,
        [](const Flow& f) -> Readings {
          if (f.protocol != Protocol::kTcp) return {};
          return {f.counters.retransmits};
        },
        "retr"),
    column_key<kReceiveQueue>(),
    column_key<kSendQueue>(),
    column_key<kSocketDrops>(),
    column_key<kNotSent>(),
    column_key<kCwnd>(),
    column_key<kSsthresh>(),
    column_key<kRto>(),
    column_key<kRttVariation>(),
    column_key<kReceiverLimited>(),
    column_key<kBufferLimited>(),
    column_key<kBusy>(),
    column_key<kDeliveryRate>(),
    column_key<kLost>(),
    column_key<kReordering>(),
    column_key<kDsack>(),
    column_key<kPathMtu>(),
    column_key<kMss>(),
    {kCongestionControl, nullptr, congestion_control_test},
}};

const Key* find_key(std::string_view name) {
  const auto it =
      std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& key) { return key.name() == name; });
  return it == kKeys.end() ? nullptr : &*it;
}

}  // namespace

FilterTest anywhere_test(const FilterValue& value) {
  auto test = text_test(value);
  if (!test) return error(test.error());
  return [test = *std::move(test)](const Flow& flow) {
    return test(flow.owner.name()) || test(to_string(flow.local)) ||
           (flow.owner.process && test(flow.owner.process->cmdline())) ||
           (flow.remote_name && test(flow.remote_name->name)) ||
           (!flow.remote.addr.is_unspecified() && test(to_string(flow.remote)));
  };
}

bool is_filter_key(std::string_view key) {
  return find_key(ascii_lower(key)) != nullptr;
}

Needs needs_of_key(std::string_view key) {
  const Key* const found = find_key(ascii_lower(key));
  return found == nullptr ? Needs::kNothing : info_of(found->column).needs;
}

FilterTest key_test(std::string_view name, const FilterValue& value) {
  const Key& key = *find_key(ascii_lower(name));
  if (value.regex && !key.takes_regex) {
    return error(fmt::format("{} takes no regular expression", key.name()));
  }
  if (key.read != nullptr) return number_test(key.read, key.most, value);
  if (value.op != Op::kColon && value.op != Op::kEqual) {
    return error(fmt::format("{} is not a number", key.name()));
  }
  return key.make(value);
}

std::string unknown_key(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Key& key : kKeys) names.push_back(key.name());
  for (const std::string_view key : event_filter_keys()) names.push_back(key);
  std::string hint = did_you_mean(name, names);
  if (hint.empty()) hint = fmt::format("; keys are {}", comma_list(names));
  return fmt::format("unknown key '{}'{}", name, hint);
}

}  // namespace sockscope
