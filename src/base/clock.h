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

// How far this process's clocks are ahead of the host's; nonzero only in a time namespace. The
// kernel's records and messages have the host's time; clock_gettime(2) and /proc do not.
struct TimeOffsets {
  std::int64_t monotonic_ns = 0;
  std::int64_t boottime_ns = 0;
};
const TimeOffsets& time_offsets() noexcept;

// Reads the text of /proc/self/timens_offsets.
TimeOffsets parse_time_offsets(std::string_view text) noexcept;

// CLOCK_MONOTONIC in the host's time.
inline std::uint64_t mono_now_ns() noexcept {
  return clock_ns(CLOCK_MONOTONIC) - static_cast<std::uint64_t>(time_offsets().monotonic_ns);
}

// Turns a CLOCK_BOOTTIME from /proc into the host's time.
inline std::uint64_t host_boottime_ns(std::uint64_t told_ns) noexcept {
  return told_ns - static_cast<std::uint64_t>(time_offsets().boottime_ns);
}

}  // namespace sockscope
