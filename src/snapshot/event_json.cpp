// SPDX-License-Identifier: Apache-2.0

#include <cstring>

#include "snapshot/json.h"
#include "snapshot/json_buffer.h"
#include "snapshot/json_fields.h"

namespace sockscope {
namespace {

using namespace json;

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
  fields.text("dns", dns.is_answer ? "answer" : dns.is_unanswered ? "unanswered" : "query");
  fields.text_or_null("error", dns.is_unanswered ? "timeout" : "");
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

}  // namespace

// Kept from line to line: making them anew would cost an allocation each.
struct EventWriter::Line {
  json::Buffer buffer;
  json::Writer<json::Buffer> writer{buffer};
  Rfc3339 rfc3339;

  auto& begin() {
    buffer.Clear();
    writer.Reset(buffer);
    return writer;
  }
  // With what every record has.
  auto& begin(std::string_view event, std::uint64_t wall_ns) {
    begin().StartObject();
    Fields fields(writer);
    fields.text("event", event);
    fields.text("ts", rfc3339(wall_ns));
    fields.number("ts_ns", wall_ns);
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
  fields.text("start", line_->rfc3339(wall_ns));
  write_source(writer, source);
  write_lost(writer, {});
  write_doors(writer, doors);
  writer.EndObject();
  line_->end(out);
}

void EventWriter::event(const Event& event, std::string& out) {
  if (event.kind == EventKind::kAlert) return alert(*event.alert, out);
  auto& writer = line_->begin(
      event.kind == EventKind::kProcess ? to_string(event.process.kind) : to_string(event.kind),
      to_wall(event.mono_ns));
  Fields fields(writer);
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
      fields.optional("retransmits", event.flow.has_counters
                                         ? std::optional(event.flow.counters.retransmits)
                                         : std::nullopt);
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
      fields.optional("sequence", event.congestion_window != 0 ? std::optional(event.sequence)
                                                              : std::nullopt);
      fields.number_or_null("cwnd", event.congestion_window);
      fields.number_or_null("prior_cwnd", event.prior_window);
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
  auto& writer = line_->begin("story", to_wall(story.mono_ns));
  Fields fields(writer);
  const ProcessInfo& process = *story.process;
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
  fields.optional("dns_queries", story.dns_queries);
  fields.optional("dns_unanswered", story.dns_unanswered);
  fields.number_or_null("worst_rtt_us", story.worst_rtt_us);
  write_exit(writer, story.exit_status);
  write_process_info(writer, process);
  writer.EndObject();
  line_->end(out);
}

void EventWriter::alert(const Alert& alert, std::string& out) {
  auto& writer = line_->begin(
      "alert", to_wall(alert.phase == AlertPhase::kEnded ? alert.ended_ns : alert.last_ns));
  Fields fields(writer);
  fields.text("phase", to_string(alert.phase));
  write_alert(writer, alert, mono_to_wall_ns_);
  writer.EndObject();
  line_->end(out);
}

void EventWriter::end(std::uint64_t wall_ns, std::uint64_t events, const Loss& lost,
                      std::string& out) {
  auto& writer = line_->begin("end", wall_ns);
  Fields fields(writer);
  fields.number("events", events);
  write_lost(writer, lost);
  writer.EndObject();
  line_->end(out);
}

}  // namespace sockscope
