// SPDX-License-Identifier: Apache-2.0
#include "snapshot/json.h"


#include "snapshot/json_buffer.h"
#include "snapshot/json_fields.h"

namespace sockscope {
namespace {

using namespace json;

// RapidJSON's output, handed over whenever a piece is full.
class Pieces {
 public:
  using Ch = char;
  explicit Pieces(const WriteText& write) : write_(write) { piece_.resize(kSize); }
  void Put(char c) {
    if (used_ == kSize) hand_over();
    piece_[used_++] = c;
  }
  void Flush() {}
  void hand_over() {
    write_({piece_.data(), used_});
    used_ = 0;
  }

 private:
  static constexpr std::size_t kSize = 64 << 10;
  const WriteText& write_;
  std::string piece_;
  std::size_t used_ = 0;
};

template <class Writer>
void write_holders(Writer& writer, const std::vector<SocketHolder>& holders) {
  Fields fields(writer);
  fields.name("holders");
  writer.StartArray();
  for (const SocketHolder& holder : holders) {
    writer.StartObject();
    fields.number("pid", holder.pid);
    fields.foreign_text("comm", holder.name());
    fields.number("fd", holder.fd);
    writer.EndObject();
  }
  writer.EndArray();
}

// Of a connection; of a listener the queues alone.
template <class Writer>
void write_internals(Writer& writer, const TcpInternals& tcp, bool is_listener) {
  Fields fields(writer);
  const auto share = [&](std::string_view key, const std::optional<double>& per_cent) {
    if (!per_cent) return fields.null(key);
    const std::string number = json_decimal(std::round(10 * *per_cent) / 10);
    fields.name(key);
    writer.RawValue(number.data(), number.size(), rapidjson::kNumberType);
  };
  fields.name("tcp_info");
  writer.StartObject();
  fields.number("recv_queue", tcp.receive_queue);
  fields.number("send_queue", tcp.send_queue);
  if (!is_listener) {
    fields.optional("notsent", tcp.unsent_bytes);
    fields.number("cwnd", tcp.congestion_window);
    fields.optional("ssthresh", tcp.slow_start_threshold);
    fields.number("rto_us", tcp.retransmit_timeout_us);
    fields.number("rttvar_us", tcp.rtt_variance_us);
    share("rwnd_limited", tcp.receiver_limited());
    share("sndbuf_limited", tcp.buffer_limited());
    fields.optional("busy_us", tcp.busy_us);
    fields.number_or_null("delivery_rate", tcp.delivery_rate.value_or(0));
    fields.number("lost", tcp.lost);
    fields.optional("reordering", tcp.reordering);
    fields.optional("dsack", tcp.duplicate_acks);
    fields.number("pmtu", tcp.path_mtu);
    fields.number("mss", tcp.mss);
    fields.foreign_text("cc", tcp.congestion_control.data());
  }
  writer.EndObject();
}

template <class Writer>
void write_flow_row(Writer& writer, const Flow& flow, const Snapshot& snapshot, Rfc3339& rfc3339) {
  Fields fields(writer);
  writer.StartObject();
  write_identity(writer, flow, snapshot.mono_ns);
  write_counters(writer, flow);
  fields.optional("tx_rate", flow.tx_rate);
  fields.optional("rx_rate", flow.rx_rate);
  if (flow.opened_ns == 0) {
    fields.null("opened");
    fields.null("age_us");
  } else {
    const std::uint64_t until = flow.closed ? flow.closed_ns : snapshot.mono_ns;
    const std::uint64_t age = until > flow.opened_ns ? until - flow.opened_ns : 0;
    fields.text("opened", rfc3339(snapshot.wall_ns - (snapshot.mono_ns - flow.opened_ns)));
    fields.number("age_us", age / 1000);
  }
  fields.name("closed");
  writer.Bool(flow.closed);
  if (flow.internals)
    write_internals(writer, *flow.internals, flow.state == TcpState::kListen);
  if (flow.holders) write_holders(writer, *flow.holders);
  writer.EndObject();
}

template <class Writer>
void write_process_row(Writer& writer, const Process& process) {
  Fields fields(writer);
  writer.StartObject();
  fields.number_or_null("pid", process.pid);
  fields.foreign_text("comm", process.name());
  fields.optional("uid", process.uid);
  fields.number_or_null("cgroup_id", process.cgroup_id);
  fields.number("open_flows", process.open_flows);
  fields.number("listeners", process.listeners);
  fields.number("closed_flows", process.closed_flows);
  fields.number("tx_bytes", process.tx_bytes);
  fields.number("rx_bytes", process.rx_bytes);
  fields.number("retransmits", process.retransmits);
  fields.number_or_null("srtt_us", process.srtt_us);
  fields.optional("tx_rate", process.tx_rate);
  fields.optional("rx_rate", process.rx_rate);
  if (process.info) write_process_info(writer, *process.info);
  writer.EndObject();
}

template <class Writer>
void write_snapshot(Writer& writer, const Snapshot& snapshot, const HostId& host) {
  Rfc3339 rfc3339;
  Fields fields(writer);
  writer.StartObject();
  fields.text("schema", kSnapshotSchema);
  fields.foreign_text("host", host.name);
  fields.text_or_null("boot_id", host.boot_id);
  fields.text("ts", rfc3339(snapshot.wall_ns));
  fields.number("ts_ns", snapshot.wall_ns);
  fields.name("interval_s");
  if (snapshot.interval_s)
    writer.Double(*snapshot.interval_s);
  else
    writer.Null();
  write_source(writer, snapshot.source);
  write_lost(writer, snapshot.lost);
  write_doors(writer, snapshot.doors);
  fields.name("flows");
  writer.StartArray();
  for (const Flow& flow : snapshot.flows) write_flow_row(writer, flow, snapshot, rfc3339);
  writer.EndArray();
  fields.name("processes");
  writer.StartArray();
  for (const Process& process : snapshot.processes) write_process_row(writer, process);
  writer.EndArray();
  if (snapshot.alerts) {
    fields.name("alerts");
    writer.StartArray();
    const auto offset = static_cast<std::int64_t>(snapshot.wall_ns - snapshot.mono_ns);
    for (const Alert& alert : *snapshot.alerts) {
      writer.StartObject();
      write_alert(writer, alert, offset);
      writer.EndObject();
    }
    writer.EndArray();
  }
  writer.EndObject();
}

}  // namespace

void write_snapshot_json(const Snapshot& snapshot, const HostId& host, bool pretty,
                         const WriteText& write) {
  Pieces pieces(write);
  if (pretty) {
    json::PrettyWriter<Pieces> writer(pieces);
    writer.SetIndent(' ', 2);
    write_snapshot(writer, snapshot, host);
  } else {
    json::Writer<Pieces> writer(pieces);
    write_snapshot(writer, snapshot, host);
  }
  pieces.Put('\n');
  pieces.hand_over();
}

}  // namespace sockscope
