// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>

#include "decode/inet_diag.h"

// Reads the bytes as a datagram, to its end, as the sources do.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  DiagMessage message;
  while (!bytes.empty()) {
    const std::size_t taken = decode_diag(bytes, Protocol::kTcp, message);
    if (taken > bytes.size() || message.error < 0) __builtin_trap();
    if (taken == 0) break;
    bytes = bytes.subspan(taken);
  }
  return 0;
}
