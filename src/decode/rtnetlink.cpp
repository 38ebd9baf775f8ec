// SPDX-License-Identifier: Apache-2.0
#include "decode/rtnetlink.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "decode/netlink.h"

namespace sockscope {
namespace {

constexpr std::uint8_t kAfInet = 2;
constexpr std::uint8_t kAfInet6 = 10;

template <class T>
T value_of(std::span<const std::byte> bytes) noexcept {
  T value{};
  return read_struct(bytes, value) ? value : T{};
}

std::string text_of(std::span<const std::byte> bytes) {
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  return {text, ::strnlen(text, bytes.size())};
}

std::optional<Address> address_of(std::uint8_t family, std::span<const std::byte> bytes) noexcept {
  const std::size_t size = family == kAfInet ? 4 : family == kAfInet6 ? 16 : 0;
  if (size == 0 || bytes.size() < size) return std::nullopt;
  Address address;
  address.family = family == kAfInet ? 4 : 6;
  std::memcpy(address.bytes.data(), bytes.data(), size);
  return address;
}

void decode_statistics(std::span<const std::byte> bytes, InterfaceCounters& counters) noexcept {
  rtnl_link_stats64 stats{};
  std::memcpy(&stats, bytes.data(), std::min(bytes.size(), sizeof stats));
  counters = {.rx_bytes = stats.rx_bytes,
              .tx_bytes = stats.tx_bytes,
              .rx_packets = stats.rx_packets,
              .tx_packets = stats.tx_packets,
              .rx_errors = stats.rx_errors,
              .tx_errors = stats.tx_errors,
              .rx_drops = stats.rx_dropped,
              .tx_drops = stats.tx_dropped};
}

void decode_gateway(const NetlinkAttribute& attribute, std::uint8_t family,
                    RouteRecord& route) noexcept {
  if (attribute.type == RTA_GATEWAY) {
    route.gateway = address_of(family, attribute.data);
  } else if (attribute.type == RTA_VIA && attribute.data.size() > sizeof(std::uint16_t)) {
    // An IPv4 route through an IPv6 neighbour.
    const auto via_family = value_of<std::uint16_t>(attribute.data);
    route.gateway = address_of(static_cast<std::uint8_t>(via_family),
                               attribute.data.subspan(sizeof via_family));
  }
}

void decode_paths(std::span<const std::byte> bytes, std::uint8_t family, RouteRecord& route) {
  rtnexthop hop;
  while (!route.gateway && read_struct(bytes, hop) && hop.rtnh_len >= sizeof hop &&
         hop.rtnh_len <= bytes.size()) {
    auto attributes = bytes.subspan(sizeof hop, hop.rtnh_len - sizeof hop);
    while (const auto attribute = take_attribute(attributes))
      decode_gateway(*attribute, family, route);
    if (route.gateway) route.index = static_cast<std::uint32_t>(hop.rtnh_ifindex);
    bytes = bytes.subspan(std::min(netlink_aligned(hop.rtnh_len), bytes.size()));
  }
}

}  // namespace

std::optional<NetlinkMessage> take_netlink_message(std::span<const std::byte>& datagram) noexcept {
  nlmsghdr header;
  if (!read_struct(datagram, header) || header.nlmsg_len < sizeof header ||
      header.nlmsg_len > datagram.size()) {
    datagram = {};
    return std::nullopt;
  }
  const NetlinkMessage message{header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq,
                               datagram.subspan(sizeof header, header.nlmsg_len - sizeof header)};
  datagram = datagram.subspan(std::min(netlink_aligned(header.nlmsg_len), datagram.size()));
  return message;
}

int netlink_error(const NetlinkMessage& message) noexcept {
  const int error = value_of<int>(message.payload);
  return error < 0 && error > -4096 ? -error : 0;
}

std::optional<LinkRecord> decode_link(std::span<const std::byte> payload) {
  ifinfomsg header;
  if (!read_struct(payload, header) || header.ifi_index <= 0) return std::nullopt;
  LinkRecord record;
  Interface& link = record.link;
  record.flags = header.ifi_flags;
  link.index = static_cast<std::uint32_t>(header.ifi_index);
  link.is_up = (header.ifi_flags & IFF_UP) != 0 && (header.ifi_flags & IFF_RUNNING) != 0;
  link.is_loopback = (header.ifi_flags & IFF_LOOPBACK) != 0;
  auto attributes = payload.subspan(std::min(netlink_aligned(sizeof header), payload.size()));
  while (const auto attribute = take_attribute(attributes)) {
    switch (attribute->type) {
      case IFLA_IFNAME: link.name = text_of(attribute->data); break;
      case IFLA_MTU: link.mtu = value_of<std::uint32_t>(attribute->data); break;
      case IFLA_STATS64: decode_statistics(attribute->data, link.counters); break;
      case IFLA_CARRIER_CHANGES:
        record.carrier_changes = value_of<std::uint32_t>(attribute->data);
        break;
      case IFLA_LINKINFO: {
        auto nested = attribute->data;
        while (const auto inner = take_attribute(nested))
          if (inner->type == IFLA_INFO_KIND) link.is_virtual = true;
        break;
      }
      default: break;
    }
  }
  if (link.name.empty()) return std::nullopt;
  return record;
}

std::optional<AddressRecord> decode_address(std::span<const std::byte> payload) {
  ifaddrmsg header;
  if (!read_struct(payload, header)) return std::nullopt;
  AddressRecord record;
  record.index = header.ifa_index;
  record.address.prefix = header.ifa_prefixlen;
  std::optional<Address> local;
  std::optional<Address> address;  // on a point-to-point link the other end's
  auto attributes = payload.subspan(std::min(netlink_aligned(sizeof header), payload.size()));
  while (const auto attribute = take_attribute(attributes)) {
    if (attribute->type == IFA_LOCAL) local = address_of(header.ifa_family, attribute->data);
    if (attribute->type == IFA_ADDRESS) address = address_of(header.ifa_family, attribute->data);
  }
  if (!local) local = address;
  if (!local) return std::nullopt;
  record.address.address = *local;
  return record;
}

std::optional<RouteRecord> decode_route(std::span<const std::byte> payload) {
  rtmsg header;
  if (!read_struct(payload, header) || header.rtm_type != RTN_UNICAST) return std::nullopt;
  if (header.rtm_family != kAfInet && header.rtm_family != kAfInet6) return std::nullopt;
  RouteRecord route;
  route.family = header.rtm_family == kAfInet ? 4 : 6;
  route.prefix = header.rtm_dst_len;
  route.table = header.rtm_table;
  auto attributes = payload.subspan(std::min(netlink_aligned(sizeof header), payload.size()));
  while (const auto attribute = take_attribute(attributes)) {
    switch (attribute->type) {
      case RTA_TABLE: route.table = value_of<std::uint32_t>(attribute->data); break;
      case RTA_PRIORITY: route.priority = value_of<std::uint32_t>(attribute->data); break;
      case RTA_OIF: route.index = value_of<std::uint32_t>(attribute->data); break;
      case RTA_MULTIPATH: decode_paths(attribute->data, header.rtm_family, route); break;
      default: decode_gateway(*attribute, header.rtm_family, route); break;
    }
  }
  return route;
}

}  // namespace sockscope
