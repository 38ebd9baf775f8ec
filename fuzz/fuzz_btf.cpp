// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>

#include "decode/btf.h"

// Type information comes from the kernel, not from strangers; but a kernel may be newer than this
// program.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sockscope::KernelTargets targets{{"tcp_recvmsg", {}}, {"btf_trace_inet_sock_set_state", {}}};
  (void)sockscope::find_targets({reinterpret_cast<const std::byte*>(data), size}, targets);
  if (targets.size() != 2) __builtin_trap();
  for (const auto& [name, target] : targets)
    if (target.parameters < -1 || target.parameters > 0xffff) __builtin_trap();
  return 0;
}
