// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cli/config_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  const auto settings = parse_config({reinterpret_cast<const char*>(data), size});
  if (!settings) return 0;
  for (const Setting& setting : *settings)
    if (setting.line == 0 || (setting.kind != Setting::Kind::kList && setting.values.size() != 1))
      __builtin_trap();
  return 0;
}
