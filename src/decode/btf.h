// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sockscope {

// A function of the kernel, or a tracepoint: there the function type that its programs get called
// by.
struct KernelTarget {
  std::uint32_t id = 0;  // of the type, as programs name what they attach to; 0: there is none
  int parameters = 0;
};

// By name: of a function as it is, of a tracepoint with "btf_trace_" before it.
using KernelTargets = std::unordered_map<std::string, KernelTarget>;

// Fills in those keys of `targets` that the type information has, in one walk over it (the kernel's
// has more than 100,000 types). False: it is no type information of this machine, or cut; what was
// found so far stays.
bool find_targets(std::span<const std::byte> btf, KernelTargets& targets);

}  // namespace sockscope
