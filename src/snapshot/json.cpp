// SPDX-License-Identifier: Apache-2.0
#include "snapshot/json.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "snapshot/json_text.h"

namespace sockscope {
namespace {

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

bool is_plain(std::string_view text) {
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
    if (value.empty()) {
      null(key);
    } else if (is_plain(value)) {
      text(key, value);
    } else {
      name(key);
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
    fields.text("observation", door.observation);
    fields.text("door", door.name);
    fields.text_or_null("refused", door.refused);
    writer.EndObject();
  }
  writer.EndArray();
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
  fields.foreign_text("cmdline", info.cmdline());
  const ControlGroup none;
  const ControlGroup& group = info.cgroup ? *info.cgroup : none;
  fields.foreign_text("cgroup", group.path);
  fields.foreign_text("unit", group.unit);
  fields.text_or_null("container_runtime", to_string(group.runtime));
  fields.foreign_text("container_id", group.container_id);
  fields.foreign_text("container", group.container_name);
  fields.foreign_text("pod_uid", group.pod_uid);
}

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

// The parts of an exit status, each null when it does not hold.
template <class Writer>
void write_exit(Writer& writer, std::uint32_t status) {
  ProcessEvent ended;
  ended.exit_status = status;
  Fields fields(writer);
  fields.optional("exit_code", ended.exit_code());
  fields.number_or_null("signal", ended.ended_by());
  fields.name("core_dumped");
  writer.Bool(ended.dumped_core());
}

template <class Writer>
void write_happened(Writer& writer, const Event& event) {
  const ProcessEvent& happened = event.process;
  Fields fields(writer);
  fields.number_or_null("pid", happened.pid);
  fields.foreign_text("comm", event.flow.owner.name());
  fields.optional("uid", event.flow.owner.uid);
  fields.number("cpu", happened.cpu);
  switch (happened.kind) {
    case ProcessEventKind::kFork:
    case ProcessEventKind::kCoredump:
      fields.number_or_null("parent_pid", happened.parent_pid);
      break;
    case ProcessEventKind::kExit:
      fields.number_or_null("parent_pid", happened.parent_pid);
      write_exit(writer, happened.exit_status);
      break;
    case ProcessEventKind::kUid:
    case ProcessEventKind::kGid:
      fields.number("real_id", happened.real_id);
      fields.number("effective_id", happened.effective_id);
      break;
    case ProcessEventKind::kPtrace:
      fields.number_or_null("tracer_pid", happened.tracer_pid);
      break;
    case ProcessEventKind::kExec:
    case ProcessEventKind::kSid:
    case ProcessEventKind::kComm:
    case ProcessEventKind::kUnknown:
      break;
  }
  if (event.flow.owner.process) write_process_info(writer, *event.flow.owner.process);
}

template <class Writer>
void write_dns(Writer& writer, const Event& event) {
  const DnsMessage& dns = *event.dns;
  Fields fields(writer);
  fields.text("dns", dns.is_answer ? "answer" : "query");
  fields.text("passed", event.sent ? "sent" : "received");
  fields.number("id", dns.id);
  fields.foreign_text("name", dns.name);
  fields.text("type", dns::type_name(dns.type));
  fields.text_or_null("rcode", dns.is_answer ? dns::rcode_name(dns.rcode) : "");
  fields.name("truncated");
  writer.Bool(dns.truncated);
  fields.optional("latency_us", dns.latency_us);
  fields.optional("udp_size", dns.udp_size);
  fields.number("answer_count", dns.answer_count);
  fields.name("answers");
  writer.StartArray();
  for (const DnsAnswer& answer : dns.answers) {
    writer.StartObject();
    fields.foreign_text("name", answer.name);
    fields.text("type", dns::type_name(answer.type));
    fields.number("ttl_s", answer.ttl_s);
    fields.text_or_null("address", answer.address.family != 0 ? to_string(answer.address) : "");
    fields.foreign_text("target", answer.target);
    writer.EndObject();
  }
  writer.EndArray();
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
  if (flow.remote_name) write_remote_name(writer, *flow.remote_name, now_ns);
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
    const double whole = std::round(figure.value);
    if (whole == figure.value && whole >= 0 && whole < 9e15)
      writer.Uint64(static_cast<std::uint64_t>(whole));
    else
      writer.Double(std::round(figure.value * 1000) / 1000);
  }
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

// Kept from line to line: making them anew would cost an allocation each.
struct EventWriter::Line {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};

  auto& begin() {
    buffer.Clear();
    writer.Reset(buffer);
    return writer;
  }
  void end(std::string& out) {
    out.append(buffer.GetString(), buffer.GetSize());
    out.push_back('\n');
  }
};

EventWriter::EventWriter(std::int64_t mono_to_wall_ns)
    : mono_to_wall_ns_(mono_to_wall_ns), line_(std::make_unique<Line>()) {}
EventWriter::~EventWriter() = default;

void EventWriter::start(const HostId& host, std::uint64_t wall_ns, Source source,
                        const std::vector<Door>& doors, std::string& out) {
  auto& writer = line_->begin();
  Fields fields(writer);
  writer.StartObject();
  fields.text("schema", kTraceSchema);
  fields.foreign_text("host", host.name);
  fields.text_or_null("boot_id", host.boot_id);
  fields.text("start", rfc3339_(wall_ns));
  write_source(writer, source);
  write_lost(writer, {});
  write_doors(writer, doors);
  writer.EndObject();
  line_->end(out);
}

void EventWriter::event(const Event& event, std::string& out) {
  if (event.kind == EventKind::kAlert) return alert(*event.alert, out);
  auto& writer = line_->begin();
  Fields fields(writer);
  const auto wall_ns =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(event.mono_ns) + mono_to_wall_ns_);
  writer.StartObject();
  fields.text("event", event.kind == EventKind::kProcess ? to_string(event.process.kind)
                                                         : to_string(event.kind));
  fields.text("ts", rfc3339_(wall_ns));
  fields.number("ts_ns", wall_ns);
  if (event.kind == EventKind::kGap) {
    write_lost(writer, event.lost);
  } else if (event.kind == EventKind::kProcess) {
    write_happened(writer, event);
  } else {
    write_identity(writer, event.flow, event.mono_ns);
  }
  switch (event.kind) {
    case EventKind::kConnect:
      fields.number_or_null("latency_us", event.latency_us);
      break;
    case EventKind::kConnectFailed:
      fields.number_or_null("latency_us", event.latency_us);
      if (const char* name = event.error == 0 ? nullptr : ::strerrorname_np(event.error))
        fields.text("error", name);
      else
        fields.null("error");
      break;
    case EventKind::kClose:
      write_counters(writer, event.flow);
      fields.optional("duration_us", event.duration_us);
      fields.name("final");
      writer.Bool(event.is_final);
      break;
    case EventKind::kUdpPeer:
      write_counters(writer, event.flow);
      fields.optional("duration_us", event.duration_us);
      break;
    case EventKind::kRetransmit:
      fields.number("retransmits", event.flow.counters.retransmits);
      break;
    case EventKind::kReset:
      fields.text("reset", event.sent ? "sent" : "received");
      break;
    case EventKind::kState:
      fields.text("old_state", to_string(event.old_state));
      break;
    case EventKind::kData:
      fields.text("call", event.sent ? "send" : "recv");
      fields.number("bytes", event.bytes);
      break;
    case EventKind::kRefused:
      fields.number("attempts", event.attempts);
      break;
    case EventKind::kDns:
      write_dns(writer, event);
      break;
    case EventKind::kAccept:
    case EventKind::kOwner:
    case EventKind::kAttempt:
    case EventKind::kProcess:
    case EventKind::kAlert:
    case EventKind::kGap:
      break;
  }
  writer.EndObject();
  line_->end(out);
}

void EventWriter::story(const Story& story, std::string& out) {
  auto& writer = line_->begin();
  Fields fields(writer);
  const auto wall_ns =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(story.mono_ns) + mono_to_wall_ns_);
  const ProcessInfo& process = *story.process;
  writer.StartObject();
  fields.text("event", "story");
  fields.text("ts", rfc3339_(wall_ns));
  fields.number("ts_ns", wall_ns);
  fields.number("pid", process.pid);
  fields.foreign_text("comm", process.name());
  fields.optional("uid", process.uid);
  fields.optional("duration_us", story.duration_us);
  fields.number("connections", story.connections);
  fields.number("failed", story.failed);
  fields.number("still_open", story.still_open);
  fields.number("tx_bytes", story.tx_bytes);
  fields.number("rx_bytes", story.rx_bytes);
  fields.number("retransmits", story.retransmits);
  fields.number_or_null("worst_rtt_us", story.worst_rtt_us);
  write_exit(writer, story.exit_status);
  write_process_info(writer, process);
  writer.EndObject();
  line_->end(out);
}

void EventWriter::alert(const Alert& alert, std::string& out) {
  auto& writer = line_->begin();
  Fields fields(writer);
  const std::uint64_t mono_ns = alert.phase == AlertPhase::kEnded ? alert.ended_ns : alert.last_ns;
  const auto wall_ns =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(mono_ns) + mono_to_wall_ns_);
  writer.StartObject();
  fields.text("event", "alert");
  fields.text("ts", rfc3339_(wall_ns));
  fields.number("ts_ns", wall_ns);
  fields.text("phase", to_string(alert.phase));
  write_alert(writer, alert, mono_to_wall_ns_);
  writer.EndObject();
  line_->end(out);
}

void EventWriter::end(std::uint64_t wall_ns, std::uint64_t events, const Loss& lost,
                      std::string& out) {
  auto& writer = line_->begin();
  Fields fields(writer);
  writer.StartObject();
  fields.text("event", "end");
  fields.text("ts", rfc3339_(wall_ns));
  fields.number("ts_ns", wall_ns);
  fields.number("events", events);
  write_lost(writer, lost);
  writer.EndObject();
  line_->end(out);
}

void write_snapshot_json(const Snapshot& snapshot, const HostId& host, bool pretty,
                         const WriteText& write) {
  Pieces pieces(write);
  if (pretty) {
    rapidjson::PrettyWriter writer(pieces);
    writer.SetIndent(' ', 2);
    write_snapshot(writer, snapshot, host);
  } else {
    rapidjson::Writer writer(pieces);
    write_snapshot(writer, snapshot, host);
  }
  pieces.Put('\n');
  pieces.hand_over();
}

}  // namespace sockscope
