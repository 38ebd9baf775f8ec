// SPDX-License-Identifier: Apache-2.0
// The lines of an input are --from, --to and --for; an empty one is not given.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "base/time_spec.h"

namespace {

using namespace sockscope;

void check(bool is_right) {
  if (!is_right) __builtin_trap();
}

void check_message(const std::string& message) {
  check(!message.empty() && message.size() < 800 && clean_text(message) == message);
}

// Zones with rules of their own, because those of the host differ.
std::int64_t utc(std::int64_t) {
  return 0;
}
std::int64_t changes_twice_a_year(std::int64_t unix_s) {
  return unix_s / (182 * 86'400) % 2 == 0 ? 3600 : 7200;
}
std::int64_t leaves_days_out(std::int64_t unix_s) {
  return unix_s / (100 * 86'400) % 2 == 0 ? -36'000 : 50'400;
}

void try_time(std::string_view text, const TimeContext& context) {
  const auto time = parse_time(text, context);
  if (!time) return check_message(time.error());
  check(*time >= 0 && *time <= context.now_ns);
  check(parse_time(moment_text(*time, context.utc_offset), context) == time);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  RangeOptions options;
  for (auto* option : {&options.from, &options.to, &options.length}) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + (line.size() < rest.size()));
    if (!line.empty()) *option = line;
  }
  constexpr std::int64_t kNow = 1'796'043'731'500'000'000;  // 2026-11-30 13:02:11.5
  constexpr std::int64_t kBoot = kNow - 7'000'000'000'000;
  constexpr TimeContext kContexts[] = {{kNow, kBoot, utc},
                                       {kNow, kBoot, changes_twice_a_year},
                                       {kNow, kBoot, leaves_days_out},
                                       {0, kBoot, changes_twice_a_year},
                                       {INT64_MAX, 0, leaves_days_out}};
  for (const TimeContext& context : kContexts) {
    for (const auto& option : {options.from, options.to, options.length})
      if (option) try_time(*option, context);
    const auto range = parse_range(options, context);
    if (!range)
      check_message(range.error());
    else
      check(0 <= range->from_ns && range->from_ns < range->to_ns && range->to_ns <= context.now_ns);
  }
  if (options.length) {
    const auto length = parse_duration(*options.length);
    check(!length || length->count() >= 0);
  }
  return 0;
}
