// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/alert.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sockscope {

inline constexpr std::uint64_t kSecond = 1'000'000'000;
inline constexpr std::uint64_t kBegin =
    1'000'000 * kSecond;  // a whole minute when the offset below is added
inline constexpr std::int64_t kToWall = 20 * std::int64_t{kSecond};

inline Address ip(std::uint32_t number) {
  Address address;
  address.family = 4;
  for (int i = 0; i < 4; ++i)
    address.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return address;
}
inline constexpr std::uint32_t kPublic = 0xcb007101;  // 203.0.113.1
inline constexpr std::uint32_t kPrivate = 0x0a000001;

inline Owner owner(std::string_view name, std::uint32_t pid = 7) {
  Owner value;
  value.pid = pid;
  value.uid = 0;
  std::copy_n(name.data(), std::min<std::size_t>(name.size(), 15), value.comm.data());
  return value;
}

// The detectors, their clock, and the alerts they reported.
class WithDetectors {
 protected:
  void at(double seconds) {
    const std::uint64_t wanted = kBegin + static_cast<std::uint64_t>(seconds * 1e9);
    while (ticked + kSecond <= wanted) {
      ticked += kSecond;
      detectors.tick(ticked, kToWall, handler);
    }
    now = std::max(now, wanted);
  }
  void connection(EventKind kind, const Owner& who, std::uint32_t remote, std::uint16_t port,
                  int error = 0, std::shared_ptr<const RemoteName> name = nullptr) {
    Event event;
    event.mono_ns = now;
    event.what = make_what(kind);
    if (auto* const failed = std::get_if<event::ConnectFailed>(&event.what)) failed->error = error;
    event.flow.owner = who;
    event.flow.remote = {ip(remote), kind == EventKind::kAccept ? std::uint16_t{40'000} : port};
    event.flow.local = {ip(kPrivate + 9),
                        kind == EventKind::kAccept ? port : std::uint16_t{40'000}};
    event.flow.remote_name = std::move(name);
    detectors.take(event, handler);
  }
  // of: the server that this host asks; with is_asked, the host that asks a server on this host.
  void query(const Owner& who, const std::string& name, std::uint32_t of = kPrivate,
             bool is_asked = false) {
    DnsMessage message;
    message.name = name;
    Event event;
    event.mono_ns = now;
    event.what =
        event::Dns{.sent = !is_asked, .message = std::make_shared<const DnsMessage>(message)};
    event.flow.protocol = Protocol::kUdp;
    event.flow.owner = who;
    event.flow.remote = {ip(of), is_asked ? std::uint16_t{40'000} : dns::kPort};
    event.flow.local = {ip(is_asked ? of : kPrivate + 9),
                        is_asked ? dns::kPort : std::uint16_t{40'000}};
    detectors.take(event, handler);
  }
  std::vector<Alert> of(AlertKind kind, AlertPhase phase = AlertPhase::kBegan) const {
    std::vector<Alert> some;
    for (const Alert& alert : told)
      if (alert.kind == kind && alert.phase == phase) some.push_back(alert);
    return some;
  }

  std::uint64_t now = kBegin;
  std::uint64_t ticked = kBegin;
  std::vector<Alert> told;
  Detectors::Handler handler = [this](const Alert& alert) { told.push_back(alert); };
  Detectors detectors;
};

inline std::shared_ptr<const RemoteName> called(std::string name, NameSource source) {
  RemoteName known;
  known.name = std::move(name);
  known.source = source;
  return std::make_shared<const RemoteName>(std::move(known));
}

}  // namespace sockscope
