// SPDX-License-Identifier: Apache-2.0
#include "snapshot/json_reader.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstring>
#include <ctime>

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
      if (object_->HasMember("udp_peers")) field("udp_peers", snapshot.lost.udp_peers);
    });
    array("doors", [&] {
      Door& door = snapshot.doors.emplace_back();
      field("observation", door.observation);
      field("door", door.name);
      field("refused", door.refused);
    });
    array("flows", [&] { flow(snapshot.flows.emplace_back()); });
    array("processes", [&] { process(snapshot.processes.emplace_back()); });
  }

 private:
  void flow(Flow& flow) {
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
    named("direction", flow.direction, 3);
    field("pid", flow.owner.pid);
    field("opener_pid", flow.owner.opener_pid);
    comm(flow.owner.comm);
    field("uid", flow.owner.uid);
    field("cgroup_id", flow.owner.cgroup_id);
    named("owner", flow.owner.kind, 3);
    named("state", flow.state, 12);
    counters(flow);
    field("tx_rate", flow.tx_rate);
    field("rx_rate", flow.rx_rate);
    field("closed", flow.closed);
    text.clear();
    field("opened", text);
    if (text.empty()) return;
    const auto opened = parse_rfc3339(text);
    if (!opened) return fail("opened", "is no time");
    flow.opened_ns = *opened;
    std::uint64_t age_us = 0;
    field("age_us", age_us);
    flow.closed_ns = flow.closed ? *opened + age_us * 1000 : 0;
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

  void comm(std::array<char, 16>& comm) {
    std::string text;
    field("comm", text);
    std::copy_n(text.begin(), std::min(text.size(), comm.size()), comm.begin());
  }

  void endpoint(const char* address, const char* port, Endpoint& endpoint) {
    std::string text;
    field(address, text);
    field(port, endpoint.port);
    const int family = endpoint.addr.family == 6 ? AF_INET6 : AF_INET;
    if (!text.empty() && ::inet_pton(family, text.c_str(), endpoint.addr.bytes.data()) != 1)
      fail(address, "is no address of its family");
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
