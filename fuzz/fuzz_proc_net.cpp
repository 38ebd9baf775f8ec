// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "decode/proc_net.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp})
    if (const auto socket = parse_socket_line(text, protocol))
      if (socket->flow.local.addr.family != socket->flow.remote.addr.family) __builtin_trap();
  parse_socket_link(text);
  return 0;
}
