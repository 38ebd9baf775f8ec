// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>

#include "decode/quic.h"

// Reads the bytes as the beginning of a datagram of several sizes: what is recognised in a part is
// recognised in more of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  (void)sockscope::is_quic_initial(bytes, size);
  if (sockscope::is_quic_initial(bytes, 1199)) __builtin_trap();
  for (const std::size_t whole : {1200, 1500, 65507}) {
    if (!sockscope::is_quic_initial(bytes, whole)) continue;
    if (data[0] < 0x80) __builtin_trap();  // must have a long header
    if (!sockscope::is_quic_initial(bytes, whole + 1)) __builtin_trap();
  }
  return 0;
}
