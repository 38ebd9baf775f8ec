// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "base/file.h"

namespace sockscope {
namespace {

bool take_number(std::string_view& text, std::int64_t& value) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return true;
}

// timens_offsets describes the namespace that children are created in. A process that has asked for
// a new one still runs in its old one until it calls exec.
TimeOffsets read_time_offsets() {
  struct stat own {};
  struct stat childrens {};
  if (::stat("/proc/self/ns/time", &own) != 0 ||
      ::stat("/proc/self/ns/time_for_children", &childrens) != 0 || own.st_ino != childrens.st_ino)
    return {};
  return parse_time_offsets(read_text("/proc/self/timens_offsets"));
}

}  // namespace

TimeOffsets parse_time_offsets(std::string_view text) noexcept {
  TimeOffsets offsets;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view clock = line.substr(0, line.find_first_of(" \t"));
    line.remove_prefix(clock.size());
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    if (!take_number(line, seconds) || !take_number(line, nanoseconds)) continue;
    // A clock's offset is never larger; larger numbers could overflow when multiplied.
    constexpr std::int64_t kMost = 9'000'000'000;
    if (seconds > kMost || seconds < -kMost) continue;
    const std::int64_t offset = seconds * 1'000'000'000 + nanoseconds;
    if (clock == "monotonic") offsets.monotonic_ns = offset;
    if (clock == "boottime") offsets.boottime_ns = offset;
  }
  return offsets;
}

const TimeOffsets& time_offsets() noexcept {
  static const TimeOffsets offsets = read_time_offsets();
  return offsets;
}

}  // namespace sockscope
