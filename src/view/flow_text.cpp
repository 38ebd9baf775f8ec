// SPDX-License-Identifier: Apache-2.0
#include "view/flow_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace sockscope {

bool often_retransmits(const Process& process) noexcept {
  const double sent = process.tx_segment_rate.value_or(0);
  return sent >= static_cast<double>(kLeastSegments) &&
         process.retransmit_rate.value_or(0) * 100 > sent;
}

std::string_view protocol_name(const Flow& flow) noexcept {
  const bool ipv6 = flow.local.addr.family == 6;
  if (flow.protocol == Protocol::kTcp) return ipv6 ? "tcp6" : "tcp";
  if (flow.app == App::kQuic) return ipv6 ? "quic6" : "quic";
  return ipv6 ? "udp6" : "udp";
}

std::string_view short_name(TcpState state) noexcept {
  switch (state) {
    case TcpState::kEstablished: return "EST";
    case TcpState::kSynSent:
    case TcpState::kSynRecv:
    case TcpState::kNewSynRecv: return "SYN";
    case TcpState::kFinWait1:
    case TcpState::kFinWait2:
    case TcpState::kLastAck:
    case TcpState::kClosing: return "FIN";
    case TcpState::kTimeWait: return "TW";
    case TcpState::kCloseWait: return "CLSW";
    case TcpState::kClose: return "CLS";
    case TcpState::kListen: return "LIS";
    case TcpState::kNone: break;
  }
  return "";
}

std::string translation_text(const Flow& flow) {
  if (!flow.translation) return {};
  const auto other = [](const Endpoint& own, const Endpoint& translated) {
    return translated == own ? std::string() : to_string(translated);
  };
  return other(flow.local, flow.translation->local) + "→" +
         other(flow.remote, flow.translation->remote);
}

TcpState shown_state(const Flow& flow) noexcept {
  return flow.closed && flow.state != TcpState::kTimeWait ? TcpState::kClose : flow.state;
}

std::string shorten_endpoint(const Endpoint& endpoint, std::size_t width) {
  if (std::string whole = to_string(endpoint); display_width(whole) <= width) return whole;
  const auto& b = endpoint.addr.bytes;
  const std::uint16_t port = endpoint.port;
  std::vector<std::string> forms;  // longest first
  const auto offer_short = [&](std::string_view zone) {
    const auto group = [&](std::size_t i) { return b[2 * i] << 8 | b[2 * i + 1]; };
    forms.push_back(fmt::format("[{:x}:{:x}…{:x}:{:x}{}]:{}", group(0), group(1), group(6),
                                group(7), zone, port));
    forms.push_back(fmt::format("[{:x}…{:x}{}]:{}", group(0), group(7), zone, port));
    forms.push_back(fmt::format("[…{:x}{}]:{}", group(7), zone, port));
  };
  if (endpoint.addr.family == 6) {
    const std::string_view zone = endpoint.addr.zone.name();
    if (!zone.empty()) offer_short('%' + std::string(zone));
    offer_short("");
  } else {
    forms.push_back(fmt::format("…{}.{}.{}:{}", b[1], b[2], b[3], port));
    forms.push_back(fmt::format("…{}.{}:{}", b[2], b[3], port));
    forms.push_back(fmt::format("…{}:{}", b[3], port));
  }
  for (const std::string& form : forms)
    if (display_width(form) <= width) return form;
  return fmt::format("…:{}", port);
}

std::string shorten_name(const Flow& flow, std::size_t width) {
  if (!flow.remote_name) return {};
  const std::string& name = flow.remote_name->name;
  const bool is_plain =
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_plain || width < 2) return {};
  if (name.size() <= width) return name;
  // Finds the last two labels, or three where those are short, as in "example.co.uk".
  std::size_t dot = name.rfind('.', name.size() - 2);
  if (dot != std::string::npos && dot != 0) dot = name.rfind('.', dot - 1);
  if (dot != std::string::npos && dot != 0 && name.size() - dot <= 7)
    dot = name.rfind('.', dot - 1);
  const std::size_t domain = dot == std::string::npos ? name.size() : name.size() - dot - 1;
  constexpr std::size_t kLeastBeginning = 2;
  if (domain + 1 + kLeastBeginning > width) return "…" + name.substr(name.size() - width + 1);
  return name.substr(0, width - 1 - domain) + "…" + name.substr(name.size() - domain);
}

std::string shorten_remote_name(const Flow& flow, std::size_t width) {
  const std::string port = fmt::format(":{}", flow.remote.port);
  const std::string name = shorten_name(flow, width - std::min(width, port.size()));
  return name.empty() ? name : name + port;
}

std::string describe_name_source(const RemoteName& known, std::uint64_t now_ns) {
  const std::uint64_t age_ns = now_ns > known.learnt_ns ? now_ns - known.learnt_ns : 0;
  const std::string asker =
      known.pid != 0 ? fmt::format(" by {} {}", clean_text(known.asker()), known.pid) : "";
  return fmt::format("{} {} ago{}, answered by {}",
                     known.source == NameSource::kReverse ? "looked up in reverse" : "asked for",
                     format_duration_us(age_ns / 1000), asker, to_string(known.server));
}

std::string describe_success(const event::Connect& connect) {
  return connect.latency_us == 0 ? "ok" : "ok " + format_duration_us(connect.latency_us);
}

std::string describe_duration(const std::optional<std::uint64_t>& duration_us) {
  return duration_us ? format_duration_us(*duration_us) : "—";
}

std::optional<std::uint64_t> duration_of(const Event& event) {
  if (const auto* const close = std::get_if<event::Close>(&event.what)) return close->duration_us;
  const auto* const peer = std::get_if<event::UdpPeerClose>(&event.what);
  return peer ? peer->duration_us : std::nullopt;
}

std::string describe_data(const event::Data& data) {
  return fmt::format("{} {}", data.sent ? "send" : "recv", data.bytes);
}

std::string describe_drop(const event::ListenDrop& drop) {
  return fmt::format("{} dropped, {} of {} wait", drop.dropped, drop.waiting, drop.backlog);
}

std::string_view owner_text(OwnerKind kind) noexcept {
  return kind == OwnerKind::kBootstrap ? "found holding it" : to_string(kind);
}

std::string_view failure_reason(const event::ConnectFailed& failed) noexcept {
  if (failed.error == ECANCELED) return "given up";
  const std::string_view name = errno_name(failed.error);
  return name.empty() ? "unknown reason" : name;
}

std::string describe_failure(const Event& event) {
  const auto& failed = std::get<event::ConnectFailed>(event.what);
  const std::uint64_t syns = event.flow.has_counters && event.flow.counters.retransmits != 0
                                 ? std::uint64_t{event.flow.counters.retransmits} + 1
                                 : 0;
  const std::string duration =
      failed.latency_us == 0 ? std::string() : format_duration_us(failed.latency_us);
  std::string text(failure_reason(failed));
  if (failed.error == ECANCELED) {
    text += " by the program";
    if (syns != 0) text += fmt::format(" after {} SYNs", syns);
    if (!duration.empty()) text += (syns != 0 ? ", " : " after ") + duration;
    return text;
  }
  if (syns != 0) text += fmt::format(" SYN×{}", syns);
  if (!duration.empty()) text += ' ' + duration;
  return text;
}

std::string describe_window(const event::Retransmit& retransmit) {
  if (retransmit.congestion_window == 0) return {};
  if (retransmit.prior_window == 0 || retransmit.prior_window == retransmit.congestion_window)
    return fmt::format(" cwnd {}", retransmit.congestion_window);
  return fmt::format(" cwnd {}→{}", retransmit.prior_window, retransmit.congestion_window);
}

std::string describe_dns(const DnsMessage& dns) {
  std::string text =
      dns.name.empty() ? "no question" : dns::type_name(dns.type) + ' ' + clean_text(dns.name);
  if (dns.is_unanswered) text += " no answer";
  if (!dns.is_answer) return text;
  if (dns.rcode != dns::kNoError) text += ' ' + dns::rcode_name(dns.rcode);
  if (dns.truncated) text += " truncated";
  // The address is what was asked for; aliases only lead to it.
  std::string said;
  for (const DnsAnswer& answer : dns.answers) {
    if (answer.address.family != 0) said = to_string(answer.address);
    if (answer.address.family != 0) break;
    if (said.empty()) said = clean_text(answer.target);
  }
  if (said.empty() && dns.answer_count != 0) {
    text += " → " + counted(dns.answer_count, "record");
  } else if (!said.empty()) {
    text += " → " + said;
    if (dns.answer_count > 1) text += fmt::format(" +{}", dns.answer_count - 1);
  } else if (dns.rcode == dns::kNoError && !dns.truncated) {
    text += " → nothing";
  }
  if (dns.latency_us) text += ' ' + format_duration_us(*dns.latency_us);
  return text;
}

}  // namespace sockscope
