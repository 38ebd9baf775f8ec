// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "base/timestamp.h"
namespace sockscope {

enum class TimeFormat { kTimeOfDay, kRelative, kIso, kNanoseconds };

inline std::size_t time_text_width(TimeFormat format) {
  switch (format) {
    case TimeFormat::kIso: return 30;
    case TimeFormat::kNanoseconds: return 19;
    case TimeFormat::kRelative:
    case TimeFormat::kTimeOfDay: break;
  }
  return 12;
}

// since_start_ns: since the start of the program.
inline std::string time_text(TimeFormat format, std::uint64_t wall_ns,
                             std::uint64_t since_start_ns) {
  switch (format) {
    case TimeFormat::kRelative:
      return fmt::format("{:.6f}", static_cast<double>(since_start_ns) / 1e9);
    case TimeFormat::kIso: {
      Rfc3339 rfc3339;
      return std::string(rfc3339(wall_ns));
    }
    case TimeFormat::kNanoseconds: return std::to_string(wall_ns);
    case TimeFormat::kTimeOfDay: break;
  }
  return time_of_day(wall_ns);
}

}  // namespace sockscope
