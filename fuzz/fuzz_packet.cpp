// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "decode/packet.h"

// The first byte chooses the link type, the second how many more bytes there were on the wire.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sockscope::LinkType;
  constexpr LinkType kLinks[] = {LinkType::kEthernet, LinkType::kLinuxSll, LinkType::kLinuxSll2,
                                 LinkType::kRaw,      LinkType::kNull,     LinkType::kLoop,
                                 LinkType::kIpv4,     LinkType::kIpv6};
  if (size < 2) return 0;
  const std::span bytes(reinterpret_cast<const std::byte*>(data + 2), size - 2);
  const auto view = sockscope::decode_packet(kLinks[data[0] % 8], bytes, bytes.size() + data[1]);
  if (!view) return 0;
  if (view->payload.size() > view->payload_size) __builtin_trap();
  if (!view->payload.empty() &&
      (view->payload.data() < bytes.data() ||
       view->payload.data() + view->payload.size() > bytes.data() + bytes.size()))
    __builtin_trap();
  return 0;
}
