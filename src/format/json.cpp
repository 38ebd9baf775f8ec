// SPDX-License-Identifier: Apache-2.0
#include "format/json.h"

#include "format/json_buffer.h"
#include "format/json_fields.h"
#include "format/member_filter.h"

namespace sockscope {
namespace {

using namespace json;

// RapidJSON's output, handed over in pieces whenever one is full.
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

// A listener has only these.
template <class Writer>
void write_internals(Writer& writer, const TcpInternals& tcp, bool is_listener) {
  Fields fields(writer);
  fields.members(kQueueFields, tcp);
  if (is_listener) return;
  fields.members(kTcpInternalsFields, tcp);
  fields.decimal("rwnd_limited", tcp.receiver_limited());
  fields.decimal("sndbuf_limited", tcp.buffer_limited());
}

template <class Writer>
void write_flow_row(Writer& writer, const Flow& flow, const Snapshot& snapshot, Rfc3339& rfc3339) {
  Fields fields(writer);
  write_identity(writer, flow, snapshot.mono_ns);
  write_counters(writer, flow);
  fields.member("tx_rate", flow.tx_rate);
  fields.member("rx_rate", flow.rx_rate);
  if (flow.opened_ns == 0) {
    fields.null("opened");
    fields.null("age_us");
  } else {
    const std::uint64_t until = flow.closed ? flow.closed_ns : snapshot.mono_ns;
    const std::uint64_t age = until > flow.opened_ns ? until - flow.opened_ns : 0;
    fields.text("opened", rfc3339(snapshot.wall_ns - (snapshot.mono_ns - flow.opened_ns)));
    fields.number("age_us", age / 1000);
  }
  fields.truth("closed", flow.closed);
  if (flow.other_end)
    fields.object("other_end", [&] {
      fields.members(kOtherEndFields, *flow.other_end);
      fields.endpoint("local_addr", "local_port", flow.other_end->local);
      fields.endpoint("remote_addr", "remote_port", flow.other_end->remote);
      fields.members(kOwnerFields, flow.other_end->owner);
    });
  if (flow.internals)
    fields.object("tcp_info", [&] {
      write_internals(writer, *flow.internals, flow.state == TcpState::kListen);
    });
  if (flow.holders)
    fields.objects("holders", *flow.holders,
                   [&](const auto& holder) { fields.members(kSocketHolderFields, holder); });
}

template <class Writer>
void write_process_row(Writer& writer, const Process& process) {
  Fields(writer).members(kProcessFields, process);
  if (process.info) write_process_info(writer, *process.info);
}

// The members of every document that come before its rows.
template <class Writer>
void write_head(Writer& writer, std::string_view schema, const Snapshot& snapshot,
                const HostId& host, Rfc3339& rfc3339) {
  Fields fields(writer);
  write_origin(writer, schema, host);
  fields.text("ts", rfc3339(snapshot.wall_ns));
  fields.number("ts_ns", snapshot.wall_ns);
  fields.name("interval_s");
  if (snapshot.interval_s)
    writer.Double(*snapshot.interval_s);
  else
    writer.Null();
  write_source(writer, snapshot.source);
  write_lost(writer, snapshot.lost);
}

template <class Writer>
void write_snapshot(Writer& writer, const Snapshot& snapshot, const HostId& host) {
  Rfc3339 rfc3339;
  Fields fields(writer);
  writer.StartObject();
  write_head(writer, kSnapshotSchema, snapshot, host, rfc3339);
  write_doors(writer, snapshot.doors);
  fields.objects("flows", snapshot.flows,
                 [&](const Flow& flow) { write_flow_row(writer, flow, snapshot, rfc3339); });
  fields.objects("processes", snapshot.processes,
                 [&](const Process& process) { write_process_row(writer, process); });
  if (snapshot.alerts) {
    const auto offset = static_cast<std::int64_t>(snapshot.wall_ns - snapshot.mono_ns);
    fields.objects("alerts", *snapshot.alerts,
                   [&](const Alert& alert) { write_alert(writer, alert, offset); });
  }
  writer.EndObject();
}

template <class Writer>
void write_excerpt(Writer& writer, const Snapshot& snapshot, const HostId& host,
                   const Excerpt& excerpt) {
  Rfc3339 rfc3339;
  Fields fields(writer);
  MemberFilter some(writer, excerpt.members);
  writer.StartObject();
  write_head(writer, kExcerptSchema, snapshot, host, rfc3339);
  const bool is_all = excerpt.members.empty();
  if (excerpt.rows == Excerpt::Rows::kFlows)
    fields.objects("flows", snapshot.flows, [&](const Flow& flow) {
      is_all ? write_flow_row(writer, flow, snapshot, rfc3339)
             : write_flow_row(some, flow, snapshot, rfc3339);
    });
  else
    fields.objects("processes", snapshot.processes, [&](const Process& process) {
      is_all ? write_process_row(writer, process) : write_process_row(some, process);
    });
  writer.EndObject();
}

template <class Writer>
void write_value(Fields<Writer>& fields, std::string_view name, const RowCount::Value& value) {
  if (const auto* const number = std::get_if<std::uint64_t>(&value))
    fields.number(name, *number);
  else if (const auto* const real = std::get_if<double>(&value))
    fields.decimal(name, *real);
  else if (const auto* const text = std::get_if<std::string>(&value))
    fields.foreign_text(name, *text);
  else
    fields.null(name);
}

// Calls write(writer) with the writer that `pretty` asks for.
template <class Write>
void write_document(bool pretty, const WriteText& take, Write write) {
  Pieces pieces(take);
  if (pretty) {
    json::PrettyWriter<Pieces> writer(pieces);
    writer.SetIndent(' ', 2);
    write(writer);
  } else {
    json::Writer<Pieces> writer(pieces);
    write(writer);
  }
  pieces.Put('\n');
  pieces.hand_over();
}

}  // namespace

void write_snapshot_json(const Snapshot& snapshot, const HostId& host, bool pretty,
                         const WriteText& write, const Excerpt* excerpt) {
  write_document(pretty, write, [&](auto& writer) {
    excerpt != nullptr ? write_excerpt(writer, snapshot, host, *excerpt)
                       : write_snapshot(writer, snapshot, host);
  });
}

void write_counts_json(const Snapshot& counted, const HostId& host,
                       std::span<const std::string_view> columns, std::span<const RowCount> counts,
                       bool pretty, const WriteText& write) {
  write_document(pretty, write, [&](auto& writer) {
    Rfc3339 rfc3339;
    Fields fields(writer);
    writer.StartObject();
    write_head(writer, kCountsSchema, counted, host, rfc3339);
    fields.objects("counts", counts, [&](const RowCount& count) {
      fields.number("count", count.rows);
      for (std::size_t i = 0; i < columns.size(); ++i)
        write_value(fields, columns[i], count.values[i]);
    });
    writer.EndObject();
  });
}

}  // namespace sockscope
