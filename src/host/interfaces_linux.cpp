// SPDX-License-Identifier: Apache-2.0
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/fd.h"
#include "host/interfaces.h"
#include "host/netlink.h"

namespace sockscope {
namespace {

// The link's speed in Mb/s, as ethtool(8) shows it. Not read from /sys, which may belong to another
// network namespace.
std::optional<std::uint64_t> ask_speed(int fd, const std::string& name) {
  // The settings are followed by three masks of at most 127 words.
  alignas(ethtool_link_settings)
      std::array<std::byte, sizeof(ethtool_link_settings) + 3 * 127 * sizeof(std::uint32_t)>
          buffer{};
  auto* settings = reinterpret_cast<ethtool_link_settings*>(buffer.data());
  ifreq interface {};
  if (name.size() >= sizeof interface.ifr_name) return std::nullopt;
  std::memcpy(interface.ifr_name, name.data(), name.size());
  interface.ifr_data = reinterpret_cast<char*>(buffer.data());
  settings->cmd = ETHTOOL_GLINKSETTINGS;
  if (::ioctl(fd, SIOCETHTOOL, &interface) < 0) return std::nullopt;
  // The first answer has the number of words in a mask, negated.
  const int words = settings->link_mode_masks_nwords;
  if (words >= 0) return std::nullopt;
  buffer = {};
  settings->cmd = ETHTOOL_GLINKSETTINGS;
  settings->link_mode_masks_nwords = static_cast<std::int8_t>(-words);
  if (::ioctl(fd, SIOCETHTOOL, &interface) < 0) return std::nullopt;
  const std::uint32_t mbits = settings->speed;
  if (mbits == 0 || mbits == static_cast<std::uint32_t>(SPEED_UNKNOWN)) return std::nullopt;
  return std::uint64_t{mbits} * 1'000'000;
}

}  // namespace

struct InterfaceSource::Impl {
  Impl(RouteSocket socket, Fd for_ioctl) : routes(std::move(socket)), ioctl(std::move(for_ioctl)) {}

  // Kept, because the speed changes only with the link's state, and some drivers ask their hardware
  // for it.
  struct Speed {
    std::uint32_t flags = 0;
    std::uint32_t carrier_changes = 0;
    std::optional<std::uint64_t> bits;
    bool is_listed = false;
  };
  void fill_speeds(std::vector<LinkRecord>& records);

  RouteSocket routes;
  Fd ioctl;
  std::map<std::uint32_t, Speed> speeds;
};

void InterfaceSource::Impl::fill_speeds(std::vector<LinkRecord>& records) {
  for (auto& [index, speed] : speeds) speed.is_listed = false;
  for (LinkRecord& record : records) {
    const auto [at, is_new] = speeds.try_emplace(record.link.index);
    Speed& speed = at->second;
    if (is_new || speed.flags != record.flags || speed.carrier_changes != record.carrier_changes)
      speed = {.flags = record.flags,
               .carrier_changes = record.carrier_changes,
               .bits = ask_speed(ioctl.get(), record.link.name)};
    speed.is_listed = true;
    record.link.speed_bits = speed.bits;
  }
  std::erase_if(speeds, [](const auto& speed) { return !speed.second.is_listed; });
}

InterfaceSource::InterfaceSource(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
InterfaceSource::InterfaceSource(InterfaceSource&&) noexcept = default;
InterfaceSource& InterfaceSource::operator=(InterfaceSource&&) noexcept = default;
InterfaceSource::~InterfaceSource() = default;

Result<InterfaceSource> InterfaceSource::open() {
  auto routes = RouteSocket::open();
  if (!routes) return tl::make_unexpected(std::move(routes).error());
  // If it cannot be opened, speeds are not known.
  Fd for_ioctl(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return InterfaceSource(std::make_unique<Impl>(std::move(*routes), std::move(for_ioctl)));
}

Result<std::vector<Interface>> InterfaceSource::read() {
  std::vector<LinkRecord> records;
  auto done = impl_->routes.dump(
      RTM_GETLINK, AF_UNSPEC, [&records] { records.clear(); },
      [&records](const NetlinkMessage& message) {
        if (message.type != RTM_NEWLINK) return;
        if (auto record = decode_link(message.payload)) records.push_back(std::move(*record));
      });
  if (!done) return tl::make_unexpected(std::move(done).error());
  impl_->fill_speeds(records);

  std::map<std::uint32_t, Interface> by_index;
  for (LinkRecord& record : records)
    by_index.insert_or_assign(record.link.index, std::move(record.link));
  done = impl_->routes.dump(
      RTM_GETADDR, AF_UNSPEC,
      [&by_index] {
        for (auto& [index, interface] : by_index) interface.addresses.clear();
      },
      [&by_index](const NetlinkMessage& message) {
        if (message.type != RTM_NEWADDR) return;
        const auto record = decode_address(message.payload);
        if (!record) return;
        const auto at = by_index.find(record->index);
        if (at != by_index.end()) at->second.addresses.push_back(record->address);
      });
  if (!done) return tl::make_unexpected(std::move(done).error());

  std::vector<Interface> interfaces;
  for (auto& [index, interface] : by_index) interfaces.push_back(std::move(interface));
  return interfaces;
}

Result<std::optional<Gateway>> InterfaceSource::default_gateway() {
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    std::optional<RouteRecord> best;
    auto done = impl_->routes.dump(
        RTM_GETROUTE, family, [&best] { best.reset(); },
        [&best](const NetlinkMessage& message) {
          if (message.type != RTM_NEWROUTE) return;
          const auto route = decode_route(message.payload);
          if (!route || route->prefix != 0 || route->table != RT_TABLE_MAIN || !route->gateway)
            return;
          if (!best || route->priority < best->priority) best = route;
        });
    // The kernel may have been built without IPv6.
    if (!done && family == AF_INET) return tl::make_unexpected(std::move(done).error());
    if (best) return Gateway{*best->gateway, best->index};
  }
  return std::nullopt;
}

}  // namespace sockscope
