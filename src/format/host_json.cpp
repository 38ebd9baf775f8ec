// SPDX-License-Identifier: Apache-2.0
#include "format/host_json.h"

#include "format/json_buffer.h"
#include "format/json_fields.h"

namespace sockscope {
namespace {

using Buffer = json::Buffer;
using Fields = json::Fields<json::Writer<Buffer>>;

void write_interface(Fields& fields, json::Writer<Buffer>& writer, const Interface& interface) {
  const InterfaceCounters& counters = interface.counters;
  const auto number = [&](std::uint64_t value) { writer.Uint64(value); };
  fields.name("name");
  fields.foreign_value(interface.name);
  fields.number("index", interface.index);
  fields.truth("is_up", interface.is_up);
  fields.truth("is_loopback", interface.is_loopback);
  fields.truth("is_virtual", interface.is_virtual);
  fields.number("mtu", interface.mtu);
  fields.optional("speed_bits", interface.speed_bits);
  fields.array("addresses", interface.addresses,
               [&](const InterfaceAddress& address) { fields.foreign_value(to_string(address)); });
  fields.number("rx_bytes", counters.rx_bytes);
  fields.number("tx_bytes", counters.tx_bytes);
  fields.number("rx_bytes_delta", interface.rx_bytes_delta);
  fields.number("tx_bytes_delta", interface.tx_bytes_delta);
  fields.number("rx_packets", counters.rx_packets);
  fields.number("tx_packets", counters.tx_packets);
  fields.number("rx_errors", counters.rx_errors);
  fields.number("tx_errors", counters.tx_errors);
  fields.number("rx_drops", counters.rx_drops);
  fields.number("tx_drops", counters.tx_drops);
  fields.optional("rx_rate", interface.rx_rate);
  fields.optional("tx_rate", interface.tx_rate);
  fields.array("rx_history", interface.rx_history, number);
  fields.array("tx_history", interface.tx_history, number);
}

void write_system(Fields& fields, const SystemFacts& facts) {
  fields.decimal("cpu_usage_pct", facts.cpu_usage_pct);
  fields.array("cpu_per_core", facts.cpu_per_core, [&](double pct) { fields.decimal_value(pct); });
  fields.optional("memory_total_bytes", facts.memory_total_bytes);
  fields.optional("memory_used_bytes", facts.memory_used_bytes);
  fields.optional("memory_available_bytes", facts.memory_available_bytes);
  fields.optional("swap_total_bytes", facts.swap_total_bytes);
  fields.optional("swap_used_bytes", facts.swap_used_bytes);
  fields.decimal("load_1m", facts.load_1m);
  fields.decimal("load_5m", facts.load_5m);
  fields.decimal("load_15m", facts.load_15m);
}

void write_disk(Fields& fields, const Disk& disk) {
  fields.name("mount_point");
  fields.foreign_value(disk.mount_point);
  fields.name("device");
  fields.foreign_value(disk.device);
  fields.number("total_bytes", disk.total_bytes);
  fields.number("used_bytes", disk.used_bytes);
  fields.number("available_bytes", disk.available_bytes);
  fields.decimal("usage_pct", disk.usage_pct);
}

void write_probe(Fields& fields, const ProbeHealth& health) {
  fields.text_or_null("target", health.target ? to_string(*health.target) : "");
  fields.foreign_text("problem", health.problem);
  fields.decimal("rtt_ms", health.rtt_ms);
  fields.decimal("loss_pct", health.loss_pct);
  fields.array("rtt_history", health.rtt_history,
               [&](const auto& rtt_ms) { fields.decimal_value(rtt_ms); });
}

void write_bytes(Fields& fields, json::Writer<Buffer>& writer, const Reconciliation& bytes) {
  fields.decimal("interval_s", bytes.interval_s);
  fields.array("interfaces", bytes.counted, [&](const auto& name) { fields.foreign_value(name); });
  fields.number("interface_rx_bytes", bytes.interface_rx_bytes);
  fields.number("interface_tx_bytes", bytes.interface_tx_bytes);
  fields.number("process_rx_bytes", bytes.process_rx_bytes);
  fields.number("process_tx_bytes", bytes.process_tx_bytes);
  fields.name("unexplained_rx_bytes");
  writer.Int64(bytes.unexplained_rx_bytes);
  fields.name("unexplained_tx_bytes");
  writer.Int64(bytes.unexplained_tx_bytes);
}

}  // namespace

std::string to_string(const InterfaceAddress& address) {
  return to_string(address.address) + '/' + std::to_string(address.prefix);
}

std::string host_json(const HostFacts& facts, const HostId& host,
                      const std::optional<Reconciliation>& bytes, const std::string& problem) {
  Buffer buffer;
  json::Writer<Buffer> writer(buffer);
  Fields fields(writer);
  Rfc3339 rfc3339;
  writer.StartObject();
  json::write_origin(writer, kHostSchema, host);
  fields.text("ts", rfc3339(facts.wall_ns));
  fields.number("ts_ns", facts.wall_ns);
  fields.decimal("interval_s", facts.interval_s);
  fields.objects("interfaces", facts.interfaces,
                 [&](const Interface& each) { write_interface(fields, writer, each); });
  fields.object("system", [&] { write_system(fields, facts.system); });
  fields.objects("disks", facts.disks, [&](const Disk& disk) { write_disk(fields, disk); });
  if (facts.disk_io)
    fields.object("disk_io", [&] {
      fields.number("read_bytes", facts.disk_io->read_bytes);
      fields.number("write_bytes", facts.disk_io->write_bytes);
    });
  else
    fields.null("disk_io");
  fields.optional("listen_drops", facts.listen_drops);
  fields.object("gateway", [&] { write_probe(fields, facts.gateway); });
  fields.object("dns", [&] { write_probe(fields, facts.dns); });
  if (bytes)
    fields.object("bytes", [&] { write_bytes(fields, writer, *bytes); });
  else
    fields.null("bytes");
  fields.foreign_text("bytes_problem", problem);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + '\n';
}

}  // namespace sockscope
