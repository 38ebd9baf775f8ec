// SPDX-License-Identifier: Apache-2.0
#include <linux/btf.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "decode/btf.h"

// Type information comes from the kernel, not from strangers; but a kernel may be newer than this
// program.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sockscope::KernelTypes types;
  types.targets = {{"tcp_recvmsg", {}}, {"btf_trace_inet_sock_set_state", {}}};
  (void)sockscope::read_types({reinterpret_cast<const std::byte*>(data), size},
                              {"pair", "choice", "wide", "not_wanted", "sock"}, types);
  if (types.targets.size() != 2) __builtin_trap();
  // What it makes is sound, unless there is no type in it.
  constexpr std::size_t kWithoutTypes = sizeof(btf_header) + 1;
  sockscope::KernelTypes again;
  if (types.excerpt.size() > kWithoutTypes && !sockscope::read_types(types.excerpt, {}, again))
    __builtin_trap();
  for (const auto& [name, target] : types.targets)
    if (target.parameters < -1 || target.parameters > 0xffff) __builtin_trap();
  return 0;
}
