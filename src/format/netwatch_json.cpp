// SPDX-License-Identifier: Apache-2.0
#include "format/netwatch_json.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <concepts>
#include <type_traits>

#include "format/json_buffer.h"
#include "format/json_text.h"

namespace sockscope::netwatch {
namespace {

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

// One list of fields for each struct, which both writer and reader walk.
template <class V, Is<InterfaceMetric> T>
void walk(V& v, T& t) {
  v("name", t.name);
  v("is_up", t.is_up);
  v("rx_bytes", t.rx_bytes);
  v("tx_bytes", t.tx_bytes);
  v("rx_bytes_delta", t.rx_bytes_delta);
  v("tx_bytes_delta", t.tx_bytes_delta);
  v("rx_packets", t.rx_packets);
  v("tx_packets", t.tx_packets);
  v("rx_errors", t.rx_errors);
  v("tx_errors", t.tx_errors);
  v("rx_drops", t.rx_drops);
  v("tx_drops", t.tx_drops);
  v("rx_rate", t.rx_rate);
  v("tx_rate", t.tx_rate);
  v("rx_history", t.rx_history);
  v("tx_history", t.tx_history);
}

template <class V, Is<HealthMetric> T>
void walk(V& v, T& t) {
  v("gateway_ip", t.gateway_ip);
  v("gateway_rtt_ms", t.gateway_rtt_ms);
  v("gateway_loss_pct", t.gateway_loss_pct);
  v("dns_ip", t.dns_ip);
  v("dns_rtt_ms", t.dns_rtt_ms);
  v("dns_loss_pct", t.dns_loss_pct);
  v("gateway_rtt_history", t.gateway_rtt_history);
  v("dns_rtt_history", t.dns_rtt_history);
}

template <class V, Is<SystemMetric> T>
void walk(V& v, T& t) {
  v("cpu_usage_pct", t.cpu_usage_pct);
  v("memory_total_bytes", t.memory_total_bytes);
  v("memory_used_bytes", t.memory_used_bytes);
  v("memory_available_bytes", t.memory_available_bytes);
  v("load_avg_1m", t.load_avg_1m);
  v("load_avg_5m", t.load_avg_5m);
  v("load_avg_15m", t.load_avg_15m);
  v("swap_total_bytes", t.swap_total_bytes);
  v("swap_used_bytes", t.swap_used_bytes);
  v("cpu_per_core", t.cpu_per_core);
}

template <class V, Is<DiskUsage> T>
void walk(V& v, T& t) {
  v("mount_point", t.mount_point);
  v("device", t.device);
  v("total_bytes", t.total_bytes);
  v("used_bytes", t.used_bytes);
  v("available_bytes", t.available_bytes);
  v("usage_pct", t.usage_pct);
}

template <class V, Is<DiskIo> T>
void walk(V& v, T& t) {
  v("read_bytes", t.read_bytes);
  v("write_bytes", t.write_bytes);
}

template <class V, Is<ProcessBandwidth> T>
void walk(V& v, T& t) {
  v("process_name", t.process_name);
  v("pid", t.pid);
  v("rx_bytes", t.rx_bytes);
  v("tx_bytes", t.tx_bytes);
  v("rx_rate", t.rx_rate);
  v("tx_rate", t.tx_rate);
  v("connection_count", t.connection_count);
}

template <class V, Is<ConnectionDetail> T>
void walk(V& v, T& t) {
  v("protocol", t.protocol);
  v("local_addr", t.local_addr);
  v("remote_addr", t.remote_addr);
  v("state", t.state);
  v("pid", t.pid);
  v("process_name", t.process_name);
  v("kernel_rtt_us", t.kernel_rtt_us);
}

template <class V, Is<Alert> T>
void walk(V& v, T& t) {
  v("severity", t.severity);
  v("category", t.category);
  v("message", t.message);
  v("detail", t.detail);
  v("timestamp", t.timestamp);
}

template <class V, Is<DnsAnalytics> T>
void walk(V& v, T& t) {
  v("total_queries", t.total_queries);
  v("total_responses", t.total_responses);
  v("nxdomain_count", t.nxdomain_count);
  v("unanswered_count", t.unanswered_count);
  v("latency_buckets", t.latency_buckets);
  v("top_domains", t.top_domains);
}

template <class V, Is<Snapshot> T>
void walk(V& v, T& t) {
  v("timestamp", t.timestamp);
  v("interfaces", t.interfaces);
  v("health", t.health);
  v("connection_count", t.connection_count);
  v("system", t.system);
  v("disk_usage", t.disk_usage);
  v("disk_io", t.disk_io);
  v("tcp_time_wait", t.tcp_time_wait);
  v("tcp_close_wait", t.tcp_close_wait);
  v("processes", t.processes);
  v("connections", t.connections);
  v("alerts", t.alerts);
  v("dns_analytics", t.dns_analytics);
}

template <class V, Is<HostInfo> T>
void walk(V& v, T& t) {
  v("host_id", t.host_id);
  v("hostname", t.hostname);
  v("os", t.os);
  v("kernel", t.kernel);
  v("uptime_secs", t.uptime_secs);
  v("cpu_model", t.cpu_model);
  v("cpu_cores", t.cpu_cores);
  v("memory_total_bytes", t.memory_total_bytes);
}

template <class V, Is<AgentHealth> T>
void walk(V& v, T& t) {
  v("collectors_ok", t.collectors_ok);
  v("dropped_count", t.dropped_count);
  v("queue_depth", t.queue_depth);
}

template <class V, Is<IngestRequest> T>
void walk(V& v, T& t) {
  v("agent_version", t.agent_version);
  v("schema_version", t.schema_version);
  v("host", t.host);
  v("snapshots", t.snapshots);
  v("agent_health", t.agent_health);
}

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

class Writer {
 public:
  template <class T>
  void operator()(const char* name, const T& value) {
    if constexpr (IsOptional<T>::value) {
      if (!value) return;
    }
    json_.Key(name);
    write(value);
  }

  template <class T>
  std::string document(const T& value) {
    write(value);
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  template <class T>
  void write(const T& value) {
    if constexpr (IsOptional<T>::value) {
      if (value)
        write(*value);
      else
        json_.Null();
    } else if constexpr (IsVector<T>::value) {
      json_.StartArray();
      for (const auto& item : value) write(item);
      json_.EndArray();
    } else if constexpr (std::same_as<T, bool>) {
      json_.Bool(value);
    } else if constexpr (std::integral<T>) {
      json_.Uint64(value);
    } else if constexpr (std::same_as<T, double>) {
      const std::string text = json_decimal(value);
      json_.RawValue(text.data(), text.size(), rapidjson::kNumberType);
    } else if constexpr (std::same_as<T, std::string>) {
      const std::string text = json_quoted(value);
      json_.RawValue(text.data(), text.size(), rapidjson::kStringType);
    } else if constexpr (std::same_as<T, NameCount>) {
      json_.StartArray();
      write(value.name);
      write(value.count);
      json_.EndArray();
    } else {
      json_.StartObject();
      walk(*this, value);
      json_.EndObject();
    }
  }

  json::Buffer buffer_;
  json::Writer<json::Buffer> json_{buffer_};
};

using Json = rapidjson::Value;

const char* kind_of(const Json& value) {
  switch (value.GetType()) {
    case rapidjson::kNullType: return "null";
    case rapidjson::kFalseType:
    case rapidjson::kTrueType: return "true or false";
    case rapidjson::kObjectType: return "an object";
    case rapidjson::kArrayType: return "an array";
    case rapidjson::kStringType: return "a text";
    case rapidjson::kNumberType: break;
  }
  return "a number of another kind";
}

class Reader {
 public:
  // The first error is kept.
  const std::string& error() const { return error_; }

  template <class T>
  void operator()(const char* name, T& value) {
    const Json* object = object_;
    const std::size_t size = path_.size();
    path_ += (path_.empty() ? "" : ".") + std::string(name);
    const auto at = object->FindMember(name);
    if (at != object->MemberEnd())
      read(at->value, value);
    else if constexpr (IsOptional<T>::value)
      value.reset();
    else
      fail("is missing");
    path_.resize(size);
  }

  template <class T>
  void read(const Json& json, T& value) {
    if (!error_.empty()) return;
    if constexpr (IsOptional<T>::value) {
      value.reset();
      if (!json.IsNull()) read(json, value.emplace());
    } else if constexpr (IsVector<T>::value) {
      if (!json.IsArray()) return expect("an array", json);
      value.clear();
      const std::size_t size = path_.size();
      for (rapidjson::SizeType i = 0; i < json.Size(); ++i) {
        path_ += fmt::format("[{}]", i);
        read(json[i], value.emplace_back());
        path_.resize(size);
      }
    } else if constexpr (std::same_as<T, bool>) {
      if (!json.IsBool()) return expect("true or false", json);
      value = json.GetBool();
    } else if constexpr (std::same_as<T, std::uint32_t>) {
      if (!json.IsUint()) return expect("a whole number of 32 bits", json);
      value = json.GetUint();
    } else if constexpr (std::same_as<T, std::uint64_t>) {
      if (!json.IsUint64()) return expect("a whole number", json);
      value = json.GetUint64();
    } else if constexpr (std::same_as<T, double>) {
      if (!json.IsNumber()) return expect("a number", json);
      value = json.GetDouble();
    } else if constexpr (std::same_as<T, std::string>) {
      if (!json.IsString()) return expect("a text", json);
      value.assign(json.GetString(), json.GetStringLength());
    } else if constexpr (std::same_as<T, NameCount>) {
      if (!json.IsArray() || json.Size() != 2) return expect("a pair of name and number", json);
      read(json[0], value.name);
      read(json[1], value.count);
    } else {
      if (!json.IsObject()) return expect("an object", json);
      const Json* outer = std::exchange(object_, &json);
      walk(*this, value);
      object_ = outer;
    }
  }

 private:
  void expect(const char* kind, const Json& found) {
    fail(fmt::format("is {}, not {}", kind_of(found), kind));
  }
  void fail(const std::string& what) {
    if (error_.empty()) error_ = (path_.empty() ? "the document" : path_) + ": " + what;
  }

  const Json* object_ = nullptr;
  std::string path_;
  std::string error_;
};

template <class T>
Result<T> read_document(std::string_view json, const char* doing) {
  rapidjson::Document document;
  // Iterative, because a document may be nested deeper than the stack allows.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag |
                              rapidjson::kParseValidateEncodingFlag;
  document.Parse<kFlags>(json.data(), json.size());
  Reader reader;
  T value;
  std::string what;
  if (document.HasParseError()) {
    what = fmt::format("not JSON: {} at byte {}",
                       rapidjson::GetParseError_En(document.GetParseError()),
                       document.GetErrorOffset());
  } else {
    reader.read(document, value);
    what = reader.error();
  }
  if (what.empty()) return value;
  return tl::make_unexpected(Error(ErrorKind::kInvalidArgument, {}, doing).with_detail(what));
}

}  // namespace

std::string to_json(const Snapshot& snapshot) {
  return Writer().document(snapshot);
}
std::string to_json(const IngestRequest& request) {
  return Writer().document(request);
}

Result<Snapshot> read_snapshot(std::string_view json) {
  return read_document<Snapshot>(json, "read the snapshot");
}
Result<IngestRequest> read_ingest_request(std::string_view json) {
  return read_document<IngestRequest>(json, "read the request");
}

}  // namespace sockscope::netwatch
