// SPDX-License-Identifier: Apache-2.0
// What lines of events and documents of snapshots share, for any of RapidJSON's writers.
#pragma once

#include <rapidjson/writer.h>
#include <sockscope/alert.h>
#include <sockscope/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.h"
#include "snapshot/json_text.h"

namespace sockscope::json {

inline bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c >= ' ' && c < 0x7f; });
}

template <class Writer>
class Fields {
 public:
  explicit Fields(Writer& writer) : writer_(writer) {}

  void text(std::string_view key, std::string_view value) {
    name(key);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
  void text_or_null(std::string_view key, std::string_view value) {
    value.empty() ? null(key) : text(key, value);
  }
  // From outside: any bytes.
  void foreign_text(std::string_view key, std::string_view value) {
    if (value.empty()) return null(key);
    name(key);
    foreign_value(value);
  }
  void foreign_value(std::string_view value) {
    if (is_plain(value)) {
      writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    } else {
      const std::string json = json_quoted(value);
      writer_.RawValue(json.data(), json.size(), rapidjson::kStringType);
    }
  }
  void number(std::string_view key, std::uint64_t value) {
    name(key);
    writer_.Uint64(value);
  }
  void number_or_null(std::string_view key, std::uint64_t value) {
    value == 0 ? null(key) : number(key, value);
  }
  template <class T>
  void optional(std::string_view key, const std::optional<T>& value) {
    if (!value)
      null(key);
    else if constexpr (std::is_floating_point_v<T>)
      number(key, static_cast<std::uint64_t>(std::llround(*value)));
    else
      number(key, *value);
  }
  void null(std::string_view key) {
    name(key);
    writer_.Null();
  }
  void name(std::string_view key) {
    writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  }

 private:
  Writer& writer_;
};

template <class Writer>
void write_lost(Writer& writer, const Loss& lost) {
  Fields fields(writer);
  fields.name("lost");
  writer.StartObject();
  fields.number("ring_full", lost.ring_full);
  fields.number("storage_failed", lost.storage_failed);
  fields.number("malformed", lost.malformed);
  fields.number("missed_returns", lost.missed_returns);
  fields.number("missed_runs", lost.missed_runs);
  fields.number("translations", lost.translations);
  fields.number("netlink_full", lost.netlink_full);
  fields.number("udp_peers", lost.udp_peers);
  writer.EndObject();
}

template <class Writer>
void write_source(Writer& writer, Source source) {
  Fields fields(writer);
  fields.text("source", to_string(source));
  fields.name("polled");
  writer.Bool(source != Source::kEbpf);
}

template <class Writer>
void write_doors(Writer& writer, const std::vector<Door>& doors) {
  Fields fields(writer);
  fields.name("doors");
  writer.StartArray();
  for (const Door& door : doors) {
    writer.StartObject();
    fields.text("observation", to_string(door.observation));
    fields.text("door", door.name);
    fields.text_or_null("refused", door.refused);
    writer.EndObject();
  }
  writer.EndArray();
}

template <class Writer>
void write_arguments(Writer& writer, const Program* program) {
  Fields fields(writer);
  if (program == nullptr || program->arguments.empty()) {
    fields.null("arguments");
  } else {
    fields.name("arguments");
    writer.StartArray();
    for (const std::string& argument : program->arguments) fields.foreign_value(argument);
    writer.EndArray();
  }
  fields.name("arguments_truncated");
  writer.Bool(program != nullptr && program->arguments_truncated);
}

// Only where it was asked for: null pointers are left out.
template <class Writer>
void write_process_info(Writer& writer, const ProcessInfo& info) {
  Fields fields(writer);
  fields.number_or_null("start_ns", info.start_ns);
  fields.number_or_null("ppid", info.parent_pid);
  fields.foreign_text("parents", info.parents);
  fields.number_or_null("session", info.session);
  fields.number_or_null("process_netns", info.netns);
  fields.number_or_null("inner_pid", info.inner_pid);
  fields.foreign_text("exe", info.exe());
  fields.foreign_text("exe_given", info.program ? info.program->exe_given : "");
  fields.foreign_text("cmdline", info.cmdline());
  write_arguments(writer, info.program.get());
  const ControlGroup none;
  const ControlGroup& group = info.cgroup ? *info.cgroup : none;
  fields.foreign_text("cgroup", group.path);
  fields.foreign_text("unit", group.unit);
  fields.foreign_text("container_unit", group.container_unit);
  fields.text_or_null("container_runtime", to_string(group.runtime));
  fields.foreign_text("container_id", group.container_id);
  fields.foreign_text("container", group.container_name);
  fields.foreign_text("pod_uid", group.pod_uid);
}

template <class Writer>
void write_remote_name(Writer& writer, const RemoteName& known, std::uint64_t now_ns) {
  Fields fields(writer);
  fields.foreign_text("remote_name", known.name);
  fields.number("name_age_ms",
                now_ns > known.learnt_ns ? (now_ns - known.learnt_ns) / 1'000'000 : 0);
  fields.text("name_source", to_string(known.source));
  fields.text("name_server", to_string(known.server));
  fields.number("name_ttl_s", known.ttl_s);
  fields.number_or_null("name_pid", known.pid);
  fields.foreign_text("name_comm", known.asker());
}

template <class Writer>
void write_identity(Writer& writer, const Flow& flow, std::uint64_t now_ns) {
  Fields fields(writer);
  const bool connected = flow.remote.port != 0 || !flow.remote.addr.is_unspecified();
  fields.number_or_null("cookie", flow.cookie);
  if (flow.peer_of != 0) fields.number("peer_of", flow.peer_of);
  fields.number_or_null("netns", flow.netns);
  fields.text("proto", to_string(flow.protocol));
  if (flow.app != App::kUnknown) fields.text("app", to_string(flow.app));
  fields.number("family", flow.local.addr.family);
  fields.text("local_addr", to_string(flow.local.addr));
  fields.number("local_port", flow.local.port);
  if (connected) {
    fields.text("remote_addr", to_string(flow.remote.addr));
    fields.number("remote_port", flow.remote.port);
  } else {
    fields.null("remote_addr");
    fields.null("remote_port");
  }
  if (flow.translation) {
    fields.text("nat_local_addr", to_string(flow.translation->local.addr));
    fields.number("nat_local_port", flow.translation->local.port);
    fields.text("nat_remote_addr", to_string(flow.translation->remote.addr));
    fields.number("nat_remote_port", flow.translation->remote.port);
  }
  if (flow.remote_name) write_remote_name(writer, *flow.remote_name, now_ns);
  if (flow.ipv6_only) {
    fields.name("ipv6_only");
    writer.Bool(*flow.ipv6_only);
  }
  fields.text_or_null("direction", to_string(flow.direction));
  fields.number_or_null("pid", flow.owner.pid);
  fields.number_or_null("opener_pid", flow.owner.opener_pid);
  fields.foreign_text("comm", flow.owner.name());
  fields.optional("uid", flow.owner.uid);
  fields.number_or_null("cgroup_id", flow.owner.cgroup_id);
  fields.text("owner", to_string(flow.owner.kind));
  fields.text_or_null("state", to_string(flow.state));
  if (flow.owner.process) write_process_info(writer, *flow.owner.process);
}

template <class Writer>
void write_counters(Writer& writer, const Flow& flow) {
  Fields fields(writer);
  const Counters& counters = flow.counters;
  if (!flow.has_counters) {
    for (const char* key : {"tx_bytes", "rx_bytes", "tx_segments", "rx_segments", "retransmits",
                            "srtt_us", "min_rtt_us"})
      fields.null(key);
    return;
  }
  fields.number("tx_bytes", counters.tx_bytes);
  fields.number("rx_bytes", counters.rx_bytes);
  if (flow.has_segments) {
    fields.number("tx_segments", counters.tx_segments);
    fields.number("rx_segments", counters.rx_segments);
    fields.number("retransmits", counters.retransmits);
  } else {
    for (const char* key : {"tx_segments", "rx_segments", "retransmits"}) fields.null(key);
  }
  fields.number_or_null("srtt_us", counters.srtt_us);
  fields.number_or_null("min_rtt_us", counters.min_rtt_us);
}

// Fields of an alert. Times are CLOCK_MONOTONIC, offset_ns what makes Unix time of them.
template <class Writer>
void write_alert(Writer& writer, const Alert& alert, std::int64_t offset_ns) {
  Rfc3339 rfc3339;
  Fields fields(writer);
  const auto time = [&](std::string_view key, std::uint64_t mono_ns) {
    if (mono_ns == 0) return fields.null(key);
    const auto wall_ns = static_cast<std::uint64_t>(static_cast<std::int64_t>(mono_ns) + offset_ns);
    fields.text(key, rfc3339(wall_ns));
  };
  fields.text("key", alert.key);
  fields.text("category", to_string(alert.kind));
  fields.text("severity", to_string(alert.severity));
  fields.text("message", message(alert));
  fields.text("detail", detail(alert));
  time("first", alert.first_ns);
  time("last", alert.last_ns);
  time("ended", alert.ended_ns);
  fields.text_or_null("direction", to_string(alert.direction));
  fields.number_or_null("pid", alert.owner.pid);
  fields.foreign_text("comm", alert.owner.name());
  fields.optional("uid", alert.owner.uid);
  alert.peer.addr.family == 0 ? fields.null("remote_addr")
                              : fields.text("remote_addr", to_string(alert.peer.addr));
  fields.number_or_null("remote_port", alert.peer.port);
  fields.foreign_text("name", alert.name);
  fields.name("figures");
  writer.StartObject();
  for (const AlertFigure& figure : alert.figures) {
    fields.name(figure.name);
    const std::string number = json_decimal(std::round(figure.value * 1000) / 1000);
    writer.RawValue(number.data(), number.size(), rapidjson::kNumberType);
  }
  writer.EndObject();
}

}  // namespace sockscope::json
