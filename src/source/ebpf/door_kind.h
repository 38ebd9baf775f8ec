// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstdint>
#include <string_view>

namespace sockscope {

// The kinds of doors into the kernel; users name them in --doors.
enum class DoorKind : std::uint8_t {
  kIterator,      // over the sockets of one network namespace
  kTaskIterator,  // over processes and their open files
  kMapIterator,   // over the elements of our own maps; some hardened kernels refuse these to every
                  // user
  kNumbering,     // gives sockets their cookies
  kTracepoint,
  kCgroup,
  kFunction,  // entry or return of a kernel function, through a trampoline
  kProbe,
};

// "iter", "iter_task", "iter_map", "cgroup", "tp_btf", "cgroup", "fexit", "kprobe".
std::string_view to_string(DoorKind kind) noexcept;

// The kinds of doors that a user allows: names separated by commas. Names of iterators choose among
// iterators, all other names among the rest. kIterator and kNumbering are always allowed, because
// everybody who may load any program may use them.
class DoorChoice {
 public:
  DoorChoice() = default;
  // kInvalidArgument: there is no kind of that name.
  static Result<DoorChoice> parse(std::string_view names);
  bool allows(DoorKind kind) const noexcept;

 private:
  bool names(DoorKind kind) const noexcept { return (named_ >> static_cast<int>(kind) & 1) != 0; }
  unsigned named_ = 0;  // a bit for each kind
};

}  // namespace sockscope
