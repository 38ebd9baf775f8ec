// SPDX-License-Identifier: Apache-2.0

#include <type_traits>
#include <utility>
#include <variant>

#include "base/text.h"
#include "format/json.h"
#include "format/json_buffer.h"
#include "format/json_fields.h"
#include "format/member_filter.h"

namespace sockscope {
namespace {

using namespace json;

// The parts of an exit status; each is null when it does not apply.
template <class Writer>
void write_exit(Writer& writer, std::uint32_t status) {
  ProcessEvent ended;
  ended.exit_status = status;
  Fields fields(writer);
  fields.optional("exit_code", ended.exit_code());
  fields.number_or_null("signal", ended.ended_by());
  fields.truth("core_dumped", ended.dumped_core());
}

template <class Writer>
void write_figures(Writer& writer, const StoryFigures& figures) {
  Fields fields(writer);
  fields.number("connections", figures.connections);
  fields.number("failed", figures.failed);
  fields.number("tx_bytes", figures.tx_bytes);
  fields.number("rx_bytes", figures.rx_bytes);
}

template <class Writer>
void write_remote(Writer& writer, const StoryRemote& remote) {
  Fields fields(writer);
  fields.member("proto", remote.protocol);
  fields.member("direction", remote.direction);
  fields.text("remote_addr", to_string(remote.end.addr));
  fields.number_or_null("remote_port", remote.end.port);
  fields.number_or_null("local_port", remote.local_port);
  fields.foreign_text("remote_name", remote.name);
  write_figures(writer, remote.figures);
  fields.text_or_null("error", errno_name(remote.error));
}

// The process or the connection that an event is about, with its final counters if it ended.
template <class Writer>
void write_subject(Writer& writer, const Event& event) {
  const Owner& owner = event.flow.owner;
  if (event.kind() == EventKind::kGap) return;
  if (const auto* const happened = std::get_if<ProcessEvent>(&event.what)) {
    Fields fields(writer);
    fields.number_or_null("pid", happened->pid);
    fields.foreign_text("comm", owner.name());
    fields.optional("uid", owner.uid);
    if (owner.process) write_process_info(writer, *owner.process);
    return;
  }
  write_identity(writer, event.flow, event.mono_ns);
  if (event.kind() == EventKind::kClose || event.kind() == EventKind::kUdpPeer)
    write_counters(writer, event.flow);
}

// What an event has in addition depends on its kind. Kinds without members add nothing.
template <class Writer, class What>
requires std::is_empty_v<What>
void write_what(Writer&, const Flow&, const What&) {}

template <class Writer>
void write_what(Writer& writer, const Flow&, const ProcessEvent& happened) {
  Fields fields(writer);
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
    case ProcessEventKind::kPtrace: fields.number_or_null("tracer_pid", happened.tracer_pid); break;
    case ProcessEventKind::kExec:
    case ProcessEventKind::kSid:
    case ProcessEventKind::kComm:
    case ProcessEventKind::kUnknown: break;
  }
}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::Connect& connect) {
  Fields(writer).number_or_null("latency_us", connect.latency_us);
}

template <class Writer>
void write_what(Writer& writer, const Flow& flow, const event::ConnectFailed& failed) {
  Fields fields(writer);
  fields.number_or_null("latency_us", failed.latency_us);
  fields.text_or_null("error", errno_name(failed.error));
  fields.optional("retransmits",
                  flow.has_counters ? std::optional(flow.counters.retransmits) : std::nullopt);
}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::Close& close) {
  Fields fields(writer);
  fields.optional("duration_us", close.duration_us);
  fields.truth("final", close.is_final);
}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::UdpPeerClose& close) {
  Fields(writer).optional("duration_us", close.duration_us);
}

template <class Writer>
void write_what(Writer& writer, const Flow& flow, const event::Retransmit& retransmit) {
  Fields fields(writer);
  const bool is_known = retransmit.congestion_window != 0;
  fields.number("retransmits", flow.counters.retransmits);
  fields.number_or_null("segments", retransmit.segments);
  fields.optional("sequence", is_known ? std::optional(retransmit.sequence) : std::nullopt);
  fields.number_or_null("cwnd", retransmit.congestion_window);
  fields.number_or_null("prior_cwnd", retransmit.prior_window);
}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::Reset& reset) {
  Fields(writer).text("reset", reset.sent ? "sent" : "received");
}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::StateChange& change) {
  Fields(writer).text("old_state", to_string(change.old_state));
}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::Data& data) {
  Fields fields(writer);
  fields.text("call", data.sent ? "send" : "recv");
  fields.number("bytes", data.bytes);
}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::Refused& refused) {
  Fields(writer).number("attempts", refused.attempts);
}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::ListenDrop& drop) {
  Fields fields(writer);
  fields.number("dropped", drop.dropped);
  fields.number("waiting", drop.waiting);
  fields.number("backlog", drop.backlog);
}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::Dns& passed) {
  const DnsMessage& dns = *passed.message;
  Fields fields(writer);
  fields.text("dns", dns.is_answer ? "answer" : dns.is_unanswered ? "unanswered" : "query");
  fields.text_or_null("error", dns.is_unanswered ? "timeout" : "");
  fields.text("passed", passed.sent ? "sent" : "received");
  fields.number("id", dns.id);
  fields.foreign_text("name", dns.name);
  fields.text("type", dns::type_name(dns.type));
  fields.text_or_null("rcode", dns.is_answer ? dns::rcode_name(dns.rcode) : "");
  fields.truth("truncated", dns.truncated);
  fields.optional("latency_us", dns.latency_us);
  fields.optional("udp_size", dns.udp_size);
  fields.number("answer_count", dns.answer_count);
  fields.objects("answers", dns.answers, [&](const DnsAnswer& answer) {
    fields.foreign_text("name", answer.name);
    fields.text("type", dns::type_name(answer.type));
    fields.number("ttl_s", answer.ttl_s);
    fields.text_or_null("address", answer.address.family != 0 ? to_string(answer.address) : "");
    fields.foreign_text("target", answer.target);
  });
}

// An alert has its own kind of line.
template <class Writer>
void write_what(Writer&, const Flow&, const event::AlertChange&) {}

template <class Writer>
void write_what(Writer& writer, const Flow&, const event::Gap& gap) {
  write_lost(writer, gap.lost);
}

}  // namespace

// Kept from line to line, because new ones would cost an allocation each.
struct EventWriter::Line {
  json::Buffer buffer;
  json::Writer<json::Buffer> writer{buffer};
  Rfc3339 rfc3339;

  auto& begin() {
    buffer.Clear();
    writer.Reset(buffer);
    return writer;
  }
  // Begins a record with the members that every record has.
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

EventWriter::EventWriter(std::int64_t mono_to_wall_ns, std::vector<std::string> members)
    : mono_to_wall_ns_(mono_to_wall_ns),
      members_(std::move(members)),
      line_(std::make_unique<Line>()) {}
EventWriter::~EventWriter() = default;

void EventWriter::start(const HostId& host, std::uint64_t wall_ns, Source source,
                        const std::vector<Door>& doors, std::string& out) {
  auto& writer = line_->begin();
  Fields fields(writer);
  writer.StartObject();
  write_origin(writer, members_.empty() ? kTraceSchema : kTraceExcerptSchema, host);
  fields.text("start", line_->rfc3339(wall_ns));
  write_source(writer, source);
  write_lost(writer, {});
  write_doors(writer, doors);
  writer.EndObject();
  line_->end(out);
}

void EventWriter::event(const Event& event, std::string& out) {
  if (const auto* const change = std::get_if<event::AlertChange>(&event.what))
    return alert(*change->alert, out);
  auto& writer = line_->begin(name_of(event), to_wall(event.mono_ns));
  if (members_.empty()) {
    write_subject(writer, event);
  } else {
    MemberFilter some(writer, members_);
    write_subject(some, event);
  }
  std::visit([&](const auto& what) { write_what(writer, event.flow, what); }, event.what);
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
  fields.optional("dns_failed", story.dns_failed);
  fields.optional("dns_unanswered", story.dns_unanswered);
  fields.number_or_null("worst_rtt_us", story.worst_rtt_us);
  write_exit(writer, story.exit_status);
  fields.objects("remotes", story.remotes,
                 [&](const StoryRemote& remote) { write_remote(writer, remote); });
  fields.object("other_remotes", [&] { write_figures(writer, story.other); });
  fields.object("unknown_remotes", [&] { write_figures(writer, story.unknown); });
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
