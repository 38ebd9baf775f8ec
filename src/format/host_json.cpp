// SPDX-License-Identifier: Apache-2.0
#include "format/host_json.h"

#include <cmath>

#include "format/json_buffer.h"
#include "format/json_text.h"

namespace sockscope {
namespace {

class Json {
 public:
  Json& key(const char* name) {
    json_.Key(name);
    return *this;
  }
  void value(std::uint64_t number) { json_.Uint64(number); }
  void value(std::int64_t number) { json_.Int64(number); }
  void value(bool truth) { json_.Bool(truth); }
  void value(double number) {
    const std::string text = json_decimal(std::round(number * 1000) / 1000);
    json_.RawValue(text.data(), text.size(), rapidjson::kNumberType);
  }
  void value(const std::string& text) {
    const std::string json = json_quoted(text);
    json_.RawValue(json.data(), json.size(), rapidjson::kStringType);
  }
  template <class T>
  void value(const std::optional<T>& optional) {
    optional ? value(*optional) : null();
  }
  template <class T>
  void value(const std::vector<T>& items) {
    json_.StartArray();
    for (const auto& item : items) value(item);
    json_.EndArray();
  }
  void null() { json_.Null(); }
  void text_or_null(const char* name, const std::string& text) {
    key(name);
    text.empty() ? null() : value(text);
  }
  template <class T>
  void field(const char* name, const T& what) {
    key(name);
    value(what);
  }
  template <class Write>
  void object(Write write) {
    json_.StartObject();
    write();
    json_.EndObject();
  }
  template <class Items, class Write>
  void array(const Items& items, Write write) {
    json_.StartArray();
    for (const auto& item : items) object([&] { write(item); });
    json_.EndArray();
  }
  std::string line() const { return std::string(buffer_.GetString(), buffer_.GetSize()) + '\n'; }

 private:
  json::Buffer buffer_;
  json::Writer<json::Buffer> json_{buffer_};
};

std::optional<std::uint64_t> whole(const std::optional<double>& rate) {
  if (!rate) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(*rate));
}

void write_interface(Json& json, const Interface& interface) {
  const InterfaceCounters& counters = interface.counters;
  std::vector<std::string> addresses;
  for (const InterfaceAddress& address : interface.addresses)
    addresses.push_back(to_string(address));
  json.field("name", interface.name);
  json.field("index", std::uint64_t{interface.index});
  json.field("is_up", interface.is_up);
  json.field("is_loopback", interface.is_loopback);
  json.field("is_virtual", interface.is_virtual);
  json.field("mtu", std::uint64_t{interface.mtu});
  json.field("speed_bits", interface.speed_bits);
  json.field("addresses", addresses);
  json.field("rx_bytes", counters.rx_bytes);
  json.field("tx_bytes", counters.tx_bytes);
  json.field("rx_bytes_delta", interface.rx_bytes_delta);
  json.field("tx_bytes_delta", interface.tx_bytes_delta);
  json.field("rx_packets", counters.rx_packets);
  json.field("tx_packets", counters.tx_packets);
  json.field("rx_errors", counters.rx_errors);
  json.field("tx_errors", counters.tx_errors);
  json.field("rx_drops", counters.rx_drops);
  json.field("tx_drops", counters.tx_drops);
  json.field("rx_rate", whole(interface.rx_rate));
  json.field("tx_rate", whole(interface.tx_rate));
  json.field("rx_history", interface.rx_history);
  json.field("tx_history", interface.tx_history);
}

void write_system(Json& json, const SystemFacts& facts) {
  json.field("cpu_usage_pct", facts.cpu_usage_pct);
  json.field("cpu_per_core", facts.cpu_per_core);
  json.field("memory_total_bytes", facts.memory_total_bytes);
  json.field("memory_used_bytes", facts.memory_used_bytes);
  json.field("memory_available_bytes", facts.memory_available_bytes);
  json.field("swap_total_bytes", facts.swap_total_bytes);
  json.field("swap_used_bytes", facts.swap_used_bytes);
  json.field("load_1m", facts.load_1m);
  json.field("load_5m", facts.load_5m);
  json.field("load_15m", facts.load_15m);
}

void write_probe(Json& json, const ProbeHealth& health) {
  json.key("target");
  health.target ? json.value(to_string(*health.target)) : json.null();
  json.text_or_null("problem", health.problem);
  json.field("rtt_ms", health.rtt_ms);
  json.field("loss_pct", health.loss_pct);
  json.field("rtt_history", health.rtt_history);
}

void write_bytes(Json& json, const Reconciliation& bytes) {
  json.field("interval_s", bytes.interval_s);
  json.field("interfaces", bytes.counted);
  json.field("interface_rx_bytes", bytes.interface_rx_bytes);
  json.field("interface_tx_bytes", bytes.interface_tx_bytes);
  json.field("process_rx_bytes", bytes.process_rx_bytes);
  json.field("process_tx_bytes", bytes.process_tx_bytes);
  json.field("unexplained_rx_bytes", bytes.unexplained_rx_bytes);
  json.field("unexplained_tx_bytes", bytes.unexplained_tx_bytes);
}

}  // namespace

std::string to_string(const InterfaceAddress& address) {
  return to_string(address.address) + '/' + std::to_string(address.prefix);
}

std::string host_json(const HostFacts& facts, const HostId& host,
                      const std::optional<Reconciliation>& bytes, const std::string& problem) {
  Json json;
  Rfc3339 rfc3339;
  json.object([&] {
    json.field("schema", std::string(kHostSchema));
    json.text_or_null("host", host.name);
    json.text_or_null("boot_id", host.boot_id);
    json.field("ts", std::string(rfc3339(facts.wall_ns)));
    json.field("ts_ns", facts.wall_ns);
    json.field("interval_s", facts.interval_s);
    json.key("interfaces").array(facts.interfaces, [&](const auto& i) {
      write_interface(json, i);
    });
    json.key("system").object([&] { write_system(json, facts.system); });
    json.key("disks").array(facts.disks, [&](const Disk& disk) {
      json.field("mount_point", disk.mount_point);
      json.field("device", disk.device);
      json.field("total_bytes", disk.total_bytes);
      json.field("used_bytes", disk.used_bytes);
      json.field("available_bytes", disk.available_bytes);
      json.field("usage_pct", disk.usage_pct);
    });
    json.key("disk_io");
    if (facts.disk_io)
      json.object([&] {
        json.field("read_bytes", facts.disk_io->read_bytes);
        json.field("write_bytes", facts.disk_io->write_bytes);
      });
    else
      json.null();
    json.field("listen_drops", facts.listen_drops);
    json.key("gateway").object([&] { write_probe(json, facts.gateway); });
    json.key("dns").object([&] { write_probe(json, facts.dns); });
    json.key("bytes");
    if (bytes)
      json.object([&] { write_bytes(json, *bytes); });
    else
      json.null();
    json.text_or_null("bytes_problem", problem);
  });
  return json.line();
}

}  // namespace sockscope
