// SPDX-License-Identifier: Apache-2.0
#include "decode/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cstdint>

#include "decode/netlink.h"

namespace sockscope {
namespace {

bool set_address(const NetlinkAttribute& attribute, bool is_ipv6, Address& address) noexcept {
  const std::size_t size = is_ipv6 ? 16 : 4;
  if (attribute.data.size() < size) return false;
  address = {};
  address.family = is_ipv6 ? 6 : 4;
  std::memcpy(address.bytes.data(), attribute.data.data(), size);
  return true;
}

void decode_addresses(std::span<const std::byte> bytes, ConntrackTuple& tuple) noexcept {
  while (const auto attribute = take_attribute(bytes)) {
    switch (attribute->type) {
      case CTA_IP_V4_SRC: set_address(*attribute, false, tuple.source.addr); break;
      case CTA_IP_V4_DST: set_address(*attribute, false, tuple.destination.addr); break;
      case CTA_IP_V6_SRC: set_address(*attribute, true, tuple.source.addr); break;
      case CTA_IP_V6_DST: set_address(*attribute, true, tuple.destination.addr); break;
      default: break;
    }
  }
}

// Returns the protocol; 0: there is none.
std::uint8_t decode_ports(std::span<const std::byte> bytes, ConntrackTuple& tuple) noexcept {
  std::uint8_t protocol = 0;
  while (const auto attribute = take_attribute(bytes)) {
    std::uint16_t port = 0;
    if (attribute->type == CTA_PROTO_NUM)
      read_struct(attribute->data, protocol);
    else if (attribute->type == CTA_PROTO_SRC_PORT && read_struct(attribute->data, port))
      tuple.source.port = ntohs(port);
    else if (attribute->type == CTA_PROTO_DST_PORT && read_struct(attribute->data, port))
      tuple.destination.port = ntohs(port);
  }
  return protocol;
}

// Like decode_ports(); also 0 where the tuple has a zone of its own.
std::uint8_t decode_tuple(std::span<const std::byte> bytes, ConntrackTuple& tuple) noexcept {
  std::uint8_t protocol = 0;
  while (const auto attribute = take_attribute(bytes)) {
    if (attribute->type == CTA_TUPLE_IP) decode_addresses(attribute->data, tuple);
    if (attribute->type == CTA_TUPLE_PROTO) protocol = decode_ports(attribute->data, tuple);
    if (attribute->type == CTA_TUPLE_ZONE) return 0;
  }
  return protocol;
}

bool is_whole(const ConntrackTuple& tuple) noexcept {
  return tuple.source.addr.family != 0 &&
         tuple.source.addr.family == tuple.destination.addr.family && tuple.source.port != 0 &&
         tuple.destination.port != 0;
}

}  // namespace

std::optional<ConntrackEntry> decode_conntrack(std::span<const std::byte> payload) {
  if (payload.size() < sizeof(nfgenmsg)) return std::nullopt;
  auto bytes = payload.subspan(sizeof(nfgenmsg));
  ConntrackEntry entry;
  std::uint8_t protocol = 0;
  while (const auto attribute = take_attribute(bytes)) {
    switch (attribute->type) {
      case CTA_TUPLE_ORIG: protocol = decode_tuple(attribute->data, entry.original); break;
      case CTA_TUPLE_REPLY:
        if (decode_tuple(attribute->data, entry.reply) == 0) return std::nullopt;
        break;
      case CTA_ZONE: return std::nullopt;
      default: break;
    }
  }
  entry.protocol = static_cast<Protocol>(protocol);
  const bool is_known = entry.protocol == Protocol::kTcp || entry.protocol == Protocol::kUdp;
  if (!is_known || !is_whole(entry.original) || !is_whole(entry.reply)) return std::nullopt;
  return entry;
}

}  // namespace sockscope
