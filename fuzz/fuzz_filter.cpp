// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "base/text.h"
#include "view/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto filter = FlowFilter::parse(text);
  if (filter)
    filter->matches(Flow());
  else if (clean_text(filter.error()) != filter.error())
    __builtin_trap();
  return 0;
}
