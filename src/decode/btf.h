// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sockscope {

// A function of the kernel; or a tracepoint, described by the type of the functions it calls.
struct KernelTarget {
  std::uint32_t id = 0;  // the type's number, by which programs name what they attach to; 0: there
                         // is none
  int parameters = 0;
};

// By name: functions by their own, tracepoints with "btf_trace_" in front.
using KernelTargets = std::unordered_map<std::string, KernelTarget>;

// Fills in those keys of `targets` that the type information contains, in one walk over it (the
// kernel's has more than 100,000 types). False: the data is not type information of this machine,
// or is truncated; what was found before that stays filled in.
bool find_targets(std::span<const std::byte> btf, KernelTargets& targets);

}  // namespace sockscope
