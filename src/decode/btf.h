// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace sockscope {

// A function of the kernel; or a tracepoint, described by the type of the functions it calls.
struct KernelTarget {
  std::uint32_t id = 0;  // the type's number, by which programs name what they attach to; 0: there
                         // is none
  int parameters = 0;
};

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const noexcept {
    return std::hash<std::string_view>()(name);
  }
};

// By name: functions by their own, tracepoints with "btf_trace_" in front.
using KernelTargets = std::unordered_map<std::string, KernelTarget, NameHash, std::equal_to<>>;
using TypeNames = std::unordered_set<std::string, NameHash, std::equal_to<>>;

struct KernelTypes {
  KernelTargets targets;  // found are those whose names are in it
  // Type information of its own, with the structures, unions, enumerations and typedefs of those
  // names, and all that they consist of; pointers in it point to nothing. It is sufficient for
  // libbpf's relocations, and a hundredth of the whole.
  std::vector<std::byte> excerpt;
};

// Fills in `types`, in one walk over the kernel's type information, which has more than 100,000
// types. False: the data is not type information of this machine, or is truncated; what was found
// before that stays filled in.
bool read_types(std::span<const std::byte> btf, const TypeNames& names, KernelTypes& types);

}  // namespace sockscope
