// SPDX-License-Identifier: Apache-2.0
#include <sockscope/event.h>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace sockscope {
namespace {

template <EventKind kind, class What>
constexpr bool kIs =
    std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(kind), Event::What>, What>;

static_assert(kIs<EventKind::kConnect, event::Connect> && kIs<EventKind::kAccept, event::Accept> &&
              kIs<EventKind::kConnectFailed, event::ConnectFailed> &&
              kIs<EventKind::kClose, event::Close> &&
              kIs<EventKind::kRetransmit, event::Retransmit> &&
              kIs<EventKind::kReset, event::Reset> && kIs<EventKind::kOwner, event::OwnerChange> &&
              kIs<EventKind::kAttempt, event::Attempt> &&
              kIs<EventKind::kState, event::StateChange> && kIs<EventKind::kData, event::Data> &&
              kIs<EventKind::kProcess, ProcessEvent> && kIs<EventKind::kRefused, event::Refused> &&
              kIs<EventKind::kListenDrop, event::ListenDrop> &&
              kIs<EventKind::kUdpPeer, event::UdpPeerClose> && kIs<EventKind::kDns, event::Dns> &&
              kIs<EventKind::kAlert, event::AlertChange> && kIs<EventKind::kGap, event::Gap> &&
              std::variant_size_v<Event::What> == static_cast<std::size_t>(EventKind::kGap) + 1);

template <std::size_t... index>
Event::What make(std::size_t wanted, std::index_sequence<index...>) {
  constexpr std::array<Event::What (*)(), sizeof...(index)> kMakers{
      +[] { return Event::What(std::in_place_index<index>); }...};
  return kMakers[wanted]();
}

}  // namespace

Event::What make_what(EventKind kind) {
  return make(static_cast<std::size_t>(kind),
              std::make_index_sequence<std::variant_size_v<Event::What>>());
}

std::string_view name_of(const Event& event) noexcept {
  const auto* const happened = std::get_if<ProcessEvent>(&event.what);
  return happened ? to_string(happened->kind) : to_string(event.kind());
}

std::string_view to_string(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::kConnect: return "connect";
    case EventKind::kAccept: return "accept";
    case EventKind::kConnectFailed: return "connect_failed";
    case EventKind::kClose: return "close";
    case EventKind::kRetransmit: return "retransmit";
    case EventKind::kReset: return "reset";
    case EventKind::kOwner: return "owner";
    case EventKind::kAttempt: return "attempt";
    case EventKind::kState: return "state";
    case EventKind::kData: return "data";
    case EventKind::kProcess: return "process";
    case EventKind::kRefused: return "refused";
    case EventKind::kListenDrop: return "listen_drop";
    case EventKind::kUdpPeer: return "udp_peer";
    case EventKind::kDns: return "dns";
    case EventKind::kAlert: return "alert";
    case EventKind::kGap: break;
  }
  return "gap";
}

}  // namespace sockscope
