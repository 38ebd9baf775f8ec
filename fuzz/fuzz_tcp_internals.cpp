// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "decode/tcp_internals.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)sockscope::decode_tcp_internals({reinterpret_cast<const std::byte*>(data), size}, 7);
  return 0;
}
