// SPDX-License-Identifier: Apache-2.0
// What lines of events and documents of snapshots have in common, for any of RapidJSON's writers.
#pragma once

#include <rapidjson/writer.h>
#include <sockscope/alert.h>
#include <sockscope/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "base/timestamp.h"
#include "format/json.h"
#include "format/json_text.h"
#include "model/fields.h"

namespace sockscope::json {

inline bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c >= ' ' && c < 0x7f; });
}

// Inlined, so that a name and its length are constants where they are written: this makes writing
// an event's line 5 % faster.
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
  // Text from outside, with any bytes.
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
  [[gnu::always_inline]] void number(std::string_view key, std::uint64_t value) {
    name(key);
    writer_.Uint64(value);
  }
  [[gnu::always_inline]] void number_or_null(std::string_view key, std::uint64_t value) {
    value == 0 ? null(key) : number(key, value);
  }
  void truth(std::string_view key, bool value) {
    name(key);
    writer_.Bool(value);
  }
  template <class T>
  void optional(std::string_view key, const std::optional<T>& value) {
    value ? member(key, *value, Unknown::kZero) : null(key);
  }
  // For real numbers, written with three decimals.
  void decimal(std::string_view key, const std::optional<double>& value) {
    name(key);
    decimal_value(value);
  }
  void decimal_value(const std::optional<double>& value) {
    if (!value) return void(writer_.Null());
    const std::string json = json_decimal(std::round(*value * 1000) / 1000);
    writer_.RawValue(json.data(), json.size(), rapidjson::kNumberType);
  }
  void endpoint(std::string_view address_key, std::string_view port_key, const Endpoint& end) {
    text(address_key, to_string(end.addr));
    number(port_key, end.port);
  }
  [[gnu::always_inline]] void null(std::string_view key) {
    name(key);
    writer_.Null();
  }
  [[gnu::always_inline]] void name(std::string_view key) {
    writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  }

  // Written according to its type.
  template <class T>
  [[gnu::always_inline]] void member(std::string_view key, const T& value,
                                     Unknown unknown = Unknown::kNull) {
    if (unknown == Unknown::kLeftOut && value == T{}) return;
    if constexpr (std::is_same_v<T, bool>)
      truth(key, value);
    else if constexpr (std::is_integral_v<T>)
      unknown == Unknown::kNull ? number_or_null(key, value) : number(key, value);
    else if constexpr (std::is_same_v<T, double>)
      number(key, static_cast<std::uint64_t>(std::llround(value)));
    else if constexpr (std::is_enum_v<T>)
      text_or_null(key, to_string(value));
    else if constexpr (std::is_same_v<T, Endpoint>)
      text(key, to_string(value));
    else if constexpr (std::is_same_v<T, std::string>)
      foreign_text(key, value);
    else if constexpr (std::is_same_v<T, std::array<char, 16>>)
      foreign_text(key, {value.data(), ::strnlen(value.data(), value.size())});
    else if constexpr (std::is_same_v<T, std::vector<std::string>>)
      value.empty() ? null(key) : array(key, value, [&](auto& text) { foreign_value(text); });
    else
      optional(key, value);
  }
  // All members of a list, or as many nulls.
  template <class Struct, class... Members>
  void members(const std::tuple<Field<Struct, Members>...>& list, const Struct& of,
               bool are_known = true) {
    for_each_field(
        list, [&](const auto& field) __attribute__((always_inline)) {
          are_known ? member(field.name, of.*field.member, field.unknown) : null(field.name);
        });
  }
  template <class Write>
  void object(std::string_view key, Write write) {
    name(key);
    writer_.StartObject();
    write();
    writer_.EndObject();
  }
  template <class Items, class Write>
  void array(std::string_view key, const Items& items, Write write) {
    name(key);
    writer_.StartArray();
    for (const auto& item : items) write(item);
    writer_.EndArray();
  }
  template <class Items, class Write>
  void objects(std::string_view key, const Items& items, Write write) {
    array(key, items, [&](const auto& item) {
      writer_.StartObject();
      write(item);
      writer_.EndObject();
    });
  }

 private:
  Writer& writer_;
};

// The schema of the document, and the host that it is about.
template <class Writer>
void write_origin(Writer& writer, std::string_view schema, const HostId& host) {
  Fields fields(writer);
  fields.text("schema", schema);
  fields.foreign_text("host", host.name);
  fields.text_or_null("boot_id", host.boot_id);
}

template <class Writer>
void write_lost(Writer& writer, const Loss& lost) {
  Fields fields(writer);
  fields.object("lost", [&] { fields.members(kLossFields, lost); });
}

template <class Writer>
void write_source(Writer& writer, Source source) {
  Fields fields(writer);
  fields.text("source", to_string(source));
  fields.truth("polled", source != Source::kEbpf);
}

template <class Writer>
void write_doors(Writer& writer, const std::vector<Door>& doors) {
  Fields fields(writer);
  fields.objects("doors", doors, [&](const Door& door) {
    fields.text("observation", to_string(door.observation));
    fields.text("door", door.name);
    fields.text_or_null("refused", door.refused);
  });
}

// Members that were not asked for are null pointers, and are left out.
template <class Writer>
void write_process_info(Writer& writer, const ProcessInfo& info) {
  static const Program no_program;
  static const ControlGroup no_group;
  Fields fields(writer);
  fields.members(kProcessInfoFields, info);
  fields.members(kProgramFields, info.program ? *info.program : no_program);
  fields.members(kControlGroupFields, info.cgroup ? *info.cgroup : no_group);
}

template <class Writer>
void write_remote_name(Writer& writer, const RemoteName& known, std::uint64_t now_ns) {
  Fields fields(writer);
  fields.foreign_text("remote_name", known.name);
  fields.number("name_age_ms",
                now_ns > known.learnt_ns ? (now_ns - known.learnt_ns) / 1'000'000 : 0);
  fields.members(kRemoteNameFields, known);
}

template <class Writer>
void write_identity(Writer& writer, const Flow& flow, std::uint64_t now_ns) {
  Fields fields(writer);
  fields.members(kSocketFields, flow);
  fields.number("family", flow.local.addr.family);
  fields.text("local_addr", to_string(flow.local.addr));
  // When a connection attempt begins, the kernel has not chosen its port yet.
  flow.state == TcpState::kSynSent ? fields.number_or_null("local_port", flow.local.port)
                                   : fields.number("local_port", flow.local.port);
  if (flow.remote.port != 0 || !flow.remote.addr.is_unspecified()) {
    fields.endpoint("remote_addr", "remote_port", flow.remote);
  } else {
    fields.null("remote_addr");
    fields.null("remote_port");
  }
  if (flow.translation) {
    fields.endpoint("nat_local_addr", "nat_local_port", flow.translation->local);
    fields.endpoint("nat_remote_addr", "nat_remote_port", flow.translation->remote);
  }
  if (flow.remote_name) write_remote_name(writer, *flow.remote_name, now_ns);
  fields.member("ipv6_only", flow.ipv6_only, Unknown::kLeftOut);
  fields.member("direction", flow.direction);
  fields.members(kOwnerFields, flow.owner);
  fields.member("state", flow.state);
  if (flow.owner.process) write_process_info(writer, *flow.owner.process);
}

template <class Writer>
void write_counters(Writer& writer, const Flow& flow) {
  Fields fields(writer);
  fields.members(kByteFields, flow.counters, flow.has_counters);
  fields.members(kSegmentFields, flow.counters, flow.has_counters && flow.has_segments);
  fields.members(kRoundTripFields, flow.counters, flow.has_counters);
}

// The fields of an alert. Its times are CLOCK_MONOTONIC; offset_ns turns them into Unix time.
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
  fields.object("figures", [&] {
    for (const AlertFigure& figure : alert.figures) fields.decimal(figure.name, figure.value);
  });
}

}  // namespace sockscope::json
