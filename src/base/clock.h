// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <cstdint>
#include <string_view>

namespace sockscope {

inline std::uint64_t clock_ns(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// How far this process's clocks are ahead of the host's: in a time namespace of its own they are.
// What the kernel's records and messages say is the host's time, what clock_gettime(2) and /proc
// say is not.
struct TimeOffsets {
  std::int64_t monotonic_ns = 0;
  std::int64_t boottime_ns = 0;
};
const TimeOffsets& time_offsets() noexcept;

// From the text of /proc/self/timens_offsets.
TimeOffsets parse_time_offsets(std::string_view text) noexcept;

// CLOCK_MONOTONIC as the host has it.
inline std::uint64_t mono_now_ns() noexcept {
  return clock_ns(CLOCK_MONOTONIC) - static_cast<std::uint64_t>(time_offsets().monotonic_ns);
}

// CLOCK_BOOTTIME as the host has it, of one that /proc tells.
inline std::uint64_t host_boottime_ns(std::uint64_t told_ns) noexcept {
  return told_ns - static_cast<std::uint64_t>(time_offsets().boottime_ns);
}

}  // namespace sockscope
