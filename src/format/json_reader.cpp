// SPDX-License-Identifier: Apache-2.0
#include "format/json_reader.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <sockscope/alert.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <ctime>
#include <limits>
#include <tuple>
#include <type_traits>

#include "model/address.h"
#include "model/connection_ids.h"
#include "model/fields.h"

namespace sockscope {
namespace {

using Json = rapidjson::Value;

// Unix nanoseconds of "2026-11-20T23:54:50.123456789Z".
std::optional<std::uint64_t> parse_rfc3339(const std::string& text) {
  tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr || *rest != '.') return std::nullopt;
  const char* const end = text.c_str() + text.size();
  std::uint64_t ns = 0;
  const auto [stop, error] = std::from_chars(rest + 1, end, ns);
  if (error != std::errc{} || stop - rest != 10 || std::string_view(stop) != "Z")
    return std::nullopt;
  const time_t seconds = ::timegm(&parts);
  if (seconds < 0) return std::nullopt;
  return static_cast<std::uint64_t>(seconds) * 1'000'000'000u + ns;
}

class Reader {
 public:
  const std::string& error() const { return error_; }

  void document(const Json& json, SnapshotDocument& out) {
    if (!json.IsObject()) return fail("the document", "is no object");
    object_ = &json;
    std::string schema;
    field("schema", schema);
    if (error_.empty() && schema != kSnapshotSchema)
      return fail("schema", fmt::format("is '{}', not '{}'", schema, kSnapshotSchema));
    Snapshot& snapshot = out.snapshot;
    field("host", out.host.name);
    field("boot_id", out.host.boot_id);
    field("ts_ns", snapshot.wall_ns);
    snapshot.mono_ns = snapshot.wall_ns;
    if (json.HasMember("source")) field("source", snapshot.source);
    field("interval_s", snapshot.interval_s);
    object("lost", [&] { fields(kLossFields, snapshot.lost); });
    array("doors", [&] {
      Door& door = snapshot.doors.emplace_back();
      std::string observation;
      field("observation", observation);
      if (const auto known = observation_of(observation))
        door.observation = *known;
      else
        fail("observation", "is none that is known here");
      field("door", door.name);
      field("refused", door.refused);
    });
    array("flows", [&] { flow(snapshot.flows.emplace_back(), snapshot.wall_ns); });
    array("processes", [&] { process(snapshot.processes.emplace_back()); });
    if (!json.HasMember("alerts")) return;
    auto alerts = std::make_shared<std::vector<Alert>>();
    array("alerts", [&] { alert(alerts->emplace_back()); });
    snapshot.alerts = std::move(alerts);
  }

 private:
  void flow(Flow& flow, std::uint64_t now_ns) {
    fields(kSocketFields, flow);
    std::uint32_t family = 0;
    field("family", family);
    if (family != 4 && family != 6) return fail("family", "is neither 4 nor 6");
    flow.local.addr.family = flow.remote.addr.family = static_cast<std::uint8_t>(family);
    endpoint("local_addr", "local_port", flow.local);
    endpoint("remote_addr", "remote_port", flow.remote);
    if (object_->HasMember("nat_local_addr")) {
      Translation translated;
      translated.local.addr.family = translated.remote.addr.family = flow.local.addr.family;
      endpoint("nat_local_addr", "nat_local_port", translated.local);
      endpoint("nat_remote_addr", "nat_remote_port", translated.remote);
      flow.translation = std::make_shared<const Translation>(translated);
    }
    if (object_->HasMember("ipv6_only")) field("ipv6_only", flow.ipv6_only);
    field("direction", flow.direction);
    fields(kOwnerFields, flow.owner);
    field("state", flow.state);
    if (object_->HasMember("remote_name")) flow.remote_name = remote_name(now_ns);
    flow.owner.process = info(flow.owner.pid, flow.owner.comm, flow.owner.uid);
    if (flow.owner.process) flow.owner.start_ns = flow.owner.process->start_ns;
    if (object_->HasMember("other_end")) flow.other_end = other_end(flow.local.addr.family);
    if (object_->HasMember("tcp_info")) flow.internals = internals(flow.state);
    if (object_->HasMember("holders")) flow.holders = holders();
    fields(kCountersFields, flow.counters);
    flow.has_counters = !is_null("tx_bytes");
    flow.has_segments = !flow.has_counters || !is_null("tx_segments");
    field("tx_rate", flow.tx_rate);
    field("rx_rate", flow.rx_rate);
    field("closed", flow.closed);
    time("opened", flow.opened_ns);
    if (flow.opened_ns == 0) return;
    std::uint64_t age_us = 0;
    field("age_us", age_us);
    flow.closed_ns = flow.closed ? flow.opened_ns + age_us * 1000 : 0;
  }

  std::shared_ptr<const OtherEnd> other_end(std::uint8_t family) {
    auto other = std::make_shared<OtherEnd>();
    object("other_end", [&] {
      fields(kOtherEndFields, *other);
      other->local.addr.family = other->remote.addr.family = family;
      endpoint("local_addr", "local_port", other->local);
      endpoint("remote_addr", "remote_port", other->remote);
      fields(kOwnerFields, other->owner);
    });
    return other;
  }

  std::shared_ptr<const RemoteName> remote_name(std::uint64_t now_ns) {
    auto known = std::make_shared<RemoteName>();
    std::uint64_t age_ms = 0;
    field("remote_name", known->name);
    field("name_age_ms", age_ms);
    known->learnt_ns = now_ns - std::min(now_ns, age_ms * 1'000'000);
    fields(kRemoteNameFields, *known);
    return known;
  }

  // Null when the record has nothing beyond what every record has.
  std::shared_ptr<const ProcessInfo> info(std::uint32_t pid, const std::array<char, 16>& comm,
                                          const std::optional<std::uint32_t>& uid) {
    if (!object_->HasMember("start_ns")) return nullptr;
    auto info = std::make_shared<ProcessInfo>();
    auto program = std::make_shared<Program>();
    auto group = std::make_shared<ControlGroup>();
    info->pid = pid;
    info->comm = comm;
    info->uid = uid;
    fields(kProcessInfoFields, *info);
    fields(kProgramFields, *program);
    fields(kControlGroupFields, *group);
    info->program = std::move(program);
    info->cgroup = std::move(group);
    return info;
  }

  std::shared_ptr<const TcpInternals> internals(TcpState state) {
    auto tcp = std::make_shared<TcpInternals>();
    object("tcp_info", [&] {
      fields(kQueueFields, *tcp);
      if (state == TcpState::kListen) return;
      fields(kTcpInternalsFields, *tcp);
      std::optional<double> receiver;
      std::optional<double> buffer;
      field("rwnd_limited", receiver);
      field("sndbuf_limited", buffer);
      const auto part = [&](const std::optional<double>& per_cent) -> std::optional<std::uint64_t> {
        if (!per_cent || !tcp->busy_us) return std::nullopt;
        return std::llround(*per_cent * static_cast<double>(*tcp->busy_us) / 100);
      };
      tcp->receiver_limited_us = part(receiver);
      tcp->buffer_limited_us = part(buffer);
    });
    return tcp;
  }

  std::shared_ptr<const std::vector<SocketHolder>> holders() {
    auto all = std::make_shared<std::vector<SocketHolder>>();
    array("holders", [&] { fields(kSocketHolderFields, all->emplace_back()); });
    return all;
  }

  // message and detail are not read, because they are made from the other fields.
  void alert(Alert& alert) {
    field("key", alert.key);
    field("category", alert.kind);
    field("severity", alert.severity);
    time("first", alert.first_ns);
    time("last", alert.last_ns);
    time("ended", alert.ended_ns);
    if (alert.ended_ns != 0) alert.phase = AlertPhase::kEnded;
    field("direction", alert.direction);
    field("pid", alert.owner.pid);
    field("comm", alert.owner.comm);
    field("uid", alert.owner.uid);
    std::string address;
    field("remote_addr", address);
    if (!address.empty()) {
      alert.peer.addr.family = address.find(':') == std::string::npos ? 4 : 6;
      endpoint("remote_addr", "remote_port", alert.peer);
    }
    field("name", alert.name);
    object("figures", [&] {
      for (const auto& figure : object_->GetObject()) {
        const std::string name(figure.name.GetString(), figure.name.GetStringLength());
        alert.figures.push_back({name, 0});
        field(name.c_str(), alert.figures.back().value);
      }
    });
  }

  // Unix nanoseconds; after null the value stays as it is.
  void time(const char* name, std::uint64_t& wall_ns) {
    std::string text;
    field(name, text);
    if (text.empty()) return;
    if (const auto parsed = parse_rfc3339(text))
      wall_ns = *parsed;
    else
      fail(name, "is no time");
  }

  void process(Process& process) {
    fields(kProcessFields, process);
    process.info = info(process.pid, process.comm, process.uid);
    if (process.info) process.start_ns = process.info->start_ns;
  }

  template <class Struct, class... Members>
  void fields(const std::tuple<Field<Struct, Members>...>& list, Struct& of) {
    for_each_field(list, [&](const auto& listed) {
      const char* name = listed.name.data();
      if ((listed.is_later || listed.unknown == Unknown::kLeftOut) && !object_->HasMember(name))
        return;
      field(name, of.*listed.member);
    });
  }

  // Null means not known: the value stays as it is, 0 or empty.
  template <class T>
  void field(const char* name, T& value) {
    if (!error_.empty()) return;
    const auto at = object_->FindMember(name);
    if (at == object_->MemberEnd()) return fail(name, "is missing");
    const Json& json = at->value;
    if (json.IsNull() && !std::same_as<T, bool> && !std::same_as<T, Protocol>) return;
    take(name, json, value);
  }
  bool is_null(const char* name) const {
    const auto at = object_->FindMember(name);
    return at == object_->MemberEnd() || at->value.IsNull();
  }

  template <class T>
  void take(const char* name, const Json& json, std::optional<T>& value) {
    take(name, json, value.emplace());
  }
  void take(const char* name, const Json& json, std::vector<std::string>& values) {
    if (!json.IsArray()) return fail(name, "is no array");
    for (const Json& item : json.GetArray()) take(name, item, values.emplace_back());
  }
  void take(const char* name, const Json& json, bool& value) {
    json.IsBool() ? void(value = json.GetBool()) : fail(name, "is not true or false");
  }
  void take(const char* name, const Json& json, double& value) {
    json.IsNumber() ? void(value = json.GetDouble()) : fail(name, "is not a number");
  }
  void take(const char* name, const Json& json, std::uint64_t& value) {
    json.IsUint64() ? void(value = json.GetUint64()) : fail(name, "is not a whole number");
  }
  void take(const char* name, const Json& json, std::uint32_t& value) {
    json.IsUint() ? void(value = json.GetUint()) : fail(name, "is not a whole number of 32 bits");
  }
  void take(const char* name, const Json& json, std::uint16_t& value) {
    if (json.IsUint() && json.GetUint() <= 65535)
      value = static_cast<std::uint16_t>(json.GetUint());
    else
      fail(name, "is not a port");
  }
  void take(const char* name, const Json& json, std::string& value) {
    json.IsString() ? void(value.assign(json.GetString(), json.GetStringLength()))
                    : fail(name, "is not a text");
  }

  template <class Enum>
  requires std::is_enum_v<Enum>
  void take(const char* name, const Json& json, Enum& value) {
    std::string text;
    take(name, json, text);
    if (text.empty()) return;
    for (unsigned i = 0; i <= std::numeric_limits<std::underlying_type_t<Enum>>::max(); ++i)
      if (to_string(Enum(i)) == text) return void(value = Enum(i));
    fail(name, "is no word that is known here");
  }
  void take(const char* name, const Json& json, ConnectionId& value) {
    std::string text;
    take(name, json, text);
    const auto id = parse_connection_id(text);
    value = id.value_or(ConnectionId::kUnknown);
    if (!id || text != to_string(value)) fail(name, "is not 16 hexadecimal digits");
  }
  void take(const char* name, const Json& json, Protocol& value) {
    std::string text;
    if (!json.IsNull()) take(name, json, text);
    value = text == "udp" ? Protocol::kUdp : Protocol::kTcp;
    if (text != to_string(value)) fail(name, "is neither 'tcp' nor 'udp'");
  }
  void take(const char* name, const Json& json, std::array<char, 16>& comm) {
    std::string text;
    take(name, json, text);
    std::copy_n(text.begin(), std::min(text.size(), comm.size()), comm.begin());
  }
  // "192.0.2.1:53", "[2001:db8::1]:53"
  void take(const char* name, const Json& json, Endpoint& endpoint) {
    std::string text;
    take(name, json, text);
    if (text.empty()) return;
    const std::size_t colon = text.rfind(':');
    const bool is_v6 = text.front() == '[';
    const auto bad = [&] { fail(name, "is no address with a port"); };
    if (colon == std::string::npos || (is_v6 && (colon < 2 || text[colon - 1] != ']')))
      return bad();
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, endpoint.port);
    const auto address = parse_address(std::string_view(text).substr(0, colon));
    if (error != std::errc{} || stop != end || !address || (address->family == 6) != is_v6)
      return bad();
    endpoint.addr = *address;
  }

  void endpoint(const char* address, const char* port, Endpoint& endpoint) {
    std::string text;
    field(address, text);
    field(port, endpoint.port);
    if (text.empty()) return;
    const auto read = parse_address(text);
    if (!read || read->family != endpoint.addr.family)
      return fail(address, "is no address of its family");
    endpoint.addr = *read;
  }

  template <class Read>
  void object(const char* name, Read read) {
    if (!error_.empty()) return;
    const auto at = object_->FindMember(name);
    if (at == object_->MemberEnd()) return fail(name, "is missing");
    if (!at->value.IsObject()) return fail(name, "is no object");
    inside(at->value, name, read);
  }

  template <class Read>
  void array(const char* name, Read read) {
    if (!error_.empty()) return;
    const auto at = object_->FindMember(name);
    if (at == object_->MemberEnd()) return fail(name, "is missing");
    if (!at->value.IsArray()) return fail(name, "is no array");
    for (rapidjson::SizeType i = 0; i < at->value.Size() && error_.empty(); ++i) {
      const std::string item = fmt::format("{}[{}]", name, i);
      if (!at->value[i].IsObject()) return fail(item.c_str(), "is no object");
      inside(at->value[i], item, read);
    }
  }

  template <class Read>
  void inside(const Json& json, const std::string& name, Read read) {
    const Json* outer = object_;
    const std::size_t size = path_.size();
    object_ = &json;
    path_ += name + '.';
    read();
    path_.resize(size);
    object_ = outer;
  }

  void fail(const char* name, const std::string& what) {
    if (error_.empty()) error_ = path_ + name + ": " + what;
  }

  const Json* object_ = nullptr;
  std::string path_;
  std::string error_;
};

}  // namespace

Result<SnapshotDocument> read_snapshot_json(std::string_view json) {
  rapidjson::Document parsed;
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag |
                              rapidjson::kParseValidateEncodingFlag;
  parsed.Parse<kFlags>(json.data(), json.size());
  SnapshotDocument document;
  std::string what;
  if (parsed.HasParseError()) {
    what =
        fmt::format("not JSON: {} at byte {}", rapidjson::GetParseError_En(parsed.GetParseError()),
                    parsed.GetErrorOffset());
  } else {
    Reader reader;
    reader.document(parsed, document);
    what = reader.error();
  }
  if (what.empty()) return document;
  return tl::make_unexpected(
      Error(ErrorKind::kInvalidArgument, {}, "read the snapshot").with_detail(what));
}

}  // namespace sockscope
