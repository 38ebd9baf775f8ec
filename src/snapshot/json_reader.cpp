// SPDX-License-Identifier: Apache-2.0
#include "snapshot/json_reader.h"

#include <fmt/format.h>
#include <sockscope/alert.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstring>
#include <ctime>

#include "model/address.h"

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

// The value of the enumeration that is spelled like this.
template <class Enum>
std::optional<Enum> parse_name(const std::string& text, int last) {
  for (int i = 0; i <= last; ++i)
    if (to_string(Enum(i)) == text) return Enum(i);
  return std::nullopt;
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
    if (json.HasMember("source")) named("source", snapshot.source, 4);
    field("interval_s", snapshot.interval_s);
    object("lost", [&] {
      field("ring_full", snapshot.lost.ring_full);
      field("storage_failed", snapshot.lost.storage_failed);
      field("malformed", snapshot.lost.malformed);
      if (object_->HasMember("missed_returns"))
        field("missed_returns", snapshot.lost.missed_returns);
      if (object_->HasMember("missed_runs")) field("missed_runs", snapshot.lost.missed_runs);
      if (object_->HasMember("translations")) field("translations", snapshot.lost.translations);
      if (object_->HasMember("netlink_full")) field("netlink_full", snapshot.lost.netlink_full);
      if (object_->HasMember("udp_peers")) field("udp_peers", snapshot.lost.udp_peers);
    });
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
    field("cookie", flow.cookie);
    if (object_->HasMember("peer_of")) field("peer_of", flow.peer_of);
    if (object_->HasMember("app")) named("app", flow.app, 1);
    field("netns", flow.netns);
    std::string text;
    field("proto", text);
    flow.protocol = text == "udp" ? Protocol::kUdp : Protocol::kTcp;
    if (text != "udp" && text != "tcp") fail("proto", "is neither 'tcp' nor 'udp'");
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
    named("direction", flow.direction, 3);
    field("pid", flow.owner.pid);
    field("opener_pid", flow.owner.opener_pid);
    comm(flow.owner.comm);
    field("uid", flow.owner.uid);
    field("cgroup_id", flow.owner.cgroup_id);
    named("owner", flow.owner.kind, 4);
    named("state", flow.state, 12);
    if (object_->HasMember("remote_name")) flow.remote_name = remote_name(now_ns);
    flow.owner.process = info(flow.owner.pid, flow.owner.comm, flow.owner.uid);
    if (flow.owner.process) flow.owner.start_ns = flow.owner.process->start_ns;
    if (object_->HasMember("tcp_info")) flow.internals = internals(flow.state);
    if (object_->HasMember("holders")) flow.holders = holders();
    counters(flow);
    field("tx_rate", flow.tx_rate);
    field("rx_rate", flow.rx_rate);
    field("closed", flow.closed);
    time("opened", flow.opened_ns);
    if (flow.opened_ns == 0) return;
    std::uint64_t age_us = 0;
    field("age_us", age_us);
    flow.closed_ns = flow.closed ? flow.opened_ns + age_us * 1000 : 0;
  }

  std::shared_ptr<const RemoteName> remote_name(std::uint64_t now_ns) {
    auto known = std::make_shared<RemoteName>();
    std::uint64_t age_ms = 0;
    std::string server;
    field("remote_name", known->name);
    field("name_age_ms", age_ms);
    known->learnt_ns = now_ns - std::min(now_ns, age_ms * 1'000'000);
    named("name_source", known->source, 2);
    field("name_server", server);
    parse_endpoint("name_server", server, known->server);
    field("name_ttl_s", known->ttl_s);
    field("name_pid", known->pid);
    if (object_->HasMember("name_comm")) name("name_comm", known->comm);
    return known;
  }

  // Null when the record tells nothing but what every record does.
  std::shared_ptr<const ProcessInfo> info(std::uint32_t pid, const std::array<char, 16>& comm,
                                          const std::optional<std::uint32_t>& uid) {
    if (!object_->HasMember("start_ns")) return nullptr;
    auto info = std::make_shared<ProcessInfo>();
    auto program = std::make_shared<Program>();
    auto group = std::make_shared<ControlGroup>();
    info->pid = pid;
    info->comm = comm;
    info->uid = uid;
    field("start_ns", info->start_ns);
    field("ppid", info->parent_pid);
    field("parents", info->parents);
    field("session", info->session);
    field("process_netns", info->netns);
    field("inner_pid", info->inner_pid);
    field("exe", program->exe);
    if (object_->HasMember("exe_given")) field("exe_given", program->exe_given);
    field("cmdline", program->cmdline);
    if (object_->HasMember("arguments")) field("arguments", program->arguments);
    if (object_->HasMember("arguments_truncated"))
      field("arguments_truncated", program->arguments_truncated);
    field("cgroup", group->path);
    field("unit", group->unit);
    if (object_->HasMember("container_unit")) field("container_unit", group->container_unit);
    named("container_runtime", group->runtime, static_cast<int>(ContainerRuntime::kUnknown));
    field("container_id", group->container_id);
    field("container", group->container_name);
    field("pod_uid", group->pod_uid);
    info->program = std::move(program);
    info->cgroup = std::move(group);
    return info;
  }

  std::shared_ptr<const TcpInternals> internals(TcpState state) {
    auto tcp = std::make_shared<TcpInternals>();
    object("tcp_info", [&] {
      field("recv_queue", tcp->receive_queue);
      field("send_queue", tcp->send_queue);
      if (state == TcpState::kListen) return;
      std::optional<double> receiver;
      std::optional<double> buffer;
      field("notsent", tcp->unsent_bytes);
      field("cwnd", tcp->congestion_window);
      field("ssthresh", tcp->slow_start_threshold);
      field("rto_us", tcp->retransmit_timeout_us);
      field("rttvar_us", tcp->rtt_variance_us);
      field("rwnd_limited", receiver);
      field("sndbuf_limited", buffer);
      field("busy_us", tcp->busy_us);
      field("delivery_rate", tcp->delivery_rate);
      field("lost", tcp->lost);
      field("reordering", tcp->reordering);
      field("dsack", tcp->duplicate_acks);
      field("pmtu", tcp->path_mtu);
      field("mss", tcp->mss);
      name("cc", tcp->congestion_control);
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
    array("holders", [&] {
      SocketHolder& holder = all->emplace_back();
      field("pid", holder.pid);
      comm(holder.comm);
      field("fd", holder.fd);
    });
    return all;
  }

  // message and detail are made of the others.
  void alert(Alert& alert) {
    field("key", alert.key);
    named("category", alert.kind, static_cast<int>(AlertKind::kConnectFailures));
    named("severity", alert.severity, 1);
    time("first", alert.first_ns);
    time("last", alert.last_ns);
    time("ended", alert.ended_ns);
    if (alert.ended_ns != 0) alert.phase = AlertPhase::kEnded;
    named("direction", alert.direction, 3);
    field("pid", alert.owner.pid);
    comm(alert.owner.comm);
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

  // Unix nanoseconds; null: stays as it is.
  void time(const char* name, std::uint64_t& wall_ns) {
    std::string text;
    field(name, text);
    if (text.empty()) return;
    if (const auto parsed = parse_rfc3339(text))
      wall_ns = *parsed;
    else
      fail(name, "is no time");
  }

  void counters(Flow& flow) {
    std::optional<std::uint64_t> tx;
    std::optional<std::uint64_t> segments;
    field("tx_bytes", tx);
    field("tx_segments", segments);
    flow.has_counters = tx.has_value();
    flow.has_segments = segments.has_value() || !tx;
    flow.counters.tx_bytes = tx.value_or(0);
    flow.counters.tx_segments = segments.value_or(0);
    field("rx_bytes", flow.counters.rx_bytes);
    field("rx_segments", flow.counters.rx_segments);
    field("retransmits", flow.counters.retransmits);
    field("srtt_us", flow.counters.srtt_us);
    field("min_rtt_us", flow.counters.min_rtt_us);
  }

  void process(Process& process) {
    field("pid", process.pid);
    comm(process.comm);
    field("uid", process.uid);
    field("cgroup_id", process.cgroup_id);
    field("open_flows", process.open_flows);
    field("listeners", process.listeners);
    field("closed_flows", process.closed_flows);
    field("tx_bytes", process.tx_bytes);
    field("rx_bytes", process.rx_bytes);
    field("retransmits", process.retransmits);
    field("srtt_us", process.srtt_us);
    field("tx_rate", process.tx_rate);
    field("rx_rate", process.rx_rate);
    process.info = info(process.pid, process.comm, process.uid);
    if (process.info) process.start_ns = process.info->start_ns;
  }

  // Null stands for what is not known: the value it has already, 0 or empty.
  template <class T>
  void field(const char* name, T& value) {
    if (!error_.empty()) return;
    const auto at = object_->FindMember(name);
    if (at == object_->MemberEnd()) return fail(name, "is missing");
    const Json& json = at->value;
    if (json.IsNull() && !std::same_as<T, bool>) return;
    take(name, json, value);
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
  void named(const char* name, Enum& value, int last) {
    std::string text;
    field(name, text);
    if (text.empty()) return;
    if (const auto found = parse_name<Enum>(text, last))
      value = *found;
    else
      fail(name, "is no word that is known here");
  }

  void comm(std::array<char, 16>& comm) { name("comm", comm); }
  void name(const char* of, std::array<char, 16>& comm) {
    std::string text;
    field(of, text);
    std::copy_n(text.begin(), std::min(text.size(), comm.size()), comm.begin());
  }

  // "192.0.2.1:53", "[2001:db8::1]:53"
  void parse_endpoint(const char* name, const std::string& text, Endpoint& endpoint) {
    if (!error_.empty() || text.empty()) return;
    const std::size_t colon = text.rfind(':');
    const bool is_v6 = text.front() == '[';
    const auto bad = [&] { fail(name, "is no address with a port"); };
    if (colon == std::string::npos || (is_v6 && (colon < 2 || text[colon - 1] != ']'))) return bad();
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
