// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "decode/proc_event.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  ProcMessage message;
  while (!bytes.empty()) {
    const std::size_t before = bytes.size();
    if (!take_proc_message(bytes, message)) break;
    if (bytes.size() >= before || message.error < 0) __builtin_trap();
    if (message.kind == ProcMessage::Kind::kEvent &&
        message.event.name().size() > message.event.comm.size())
      __builtin_trap();
  }
  return 0;
}
