// SPDX-License-Identifier: Apache-2.0
#include <sockscope/netwatch_wire.h>

#include <cstddef>
#include <cstdint>

#include "decode/conntrack.h"
#include "decode/icmp_echo.h"
#include "decode/iflist2.h"
#include "decode/rtnetlink.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  for (const Interface& link : parse_iflist2(bytes))
    if (link.name.empty() || link.name.size() > size) __builtin_trap();
  auto datagram = bytes;
  while (const auto message = take_netlink_message(datagram)) {
    netlink_error(*message);
    decode_link(message->payload);
    decode_address(message->payload);
    decode_route(message->payload);
    decode_conntrack(message->payload);
  }
  decode_link(bytes);
  decode_address(bytes);
  decode_route(bytes);
  decode_conntrack(bytes);
  decode_echo_reply(4, true, bytes);
  decode_echo_reply(4, false, bytes);
  decode_echo_reply(6, false, bytes);
  if (const auto record = netwatch::decode_record(bytes))
    if (!netwatch::encode_record(*record)) __builtin_trap();
  return 0;
}
