// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "decode/captures.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  for (const auto parse : {parse_ss, parse_lsof, parse_nettop})
    for (const Flow& flow : parse(text).flows) {
      const std::uint8_t family = flow.local.addr.family;
      if (family != 4 && family != 6) __builtin_trap();
    }
  return 0;
}
