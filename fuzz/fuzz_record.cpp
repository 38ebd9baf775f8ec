// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "decode/record.h"
#include "format/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  Event event;
  if (decode_event(bytes, event)) {
    std::string line;
    EventWriter(0).event(event, line);
    if (line.find('\n') != line.size() - 1) __builtin_trap();
  }
  PolledSocket socket;
  bool is_short = false;
  if (decode_socket(bytes, socket, is_short) > size) __builtin_trap();
  Datagram datagram;
  if (is_datagram_record(bytes) && decode_datagram(bytes, datagram) &&
      datagram.start.size() > datagram.whole_size)
    __builtin_trap();
  return 0;
}
