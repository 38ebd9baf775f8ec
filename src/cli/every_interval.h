// SPDX-License-Identifier: Apache-2.0
// The loop of every command that runs for a while.
#pragma once

#include <sockscope/error.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "cli/sink.h"

namespace sockscope {

enum class Wake { kFiles, kTime, kStop, kReaderGone };

// files: readable when there is something to do for them.
Wake wait_until(std::chrono::steady_clock::time_point deadline, int stop_fd, const Sinks& sinks,
                const std::vector<int>& files);

struct Pace {
  std::optional<std::chrono::milliseconds> interval;  // none: only files and the duration
  std::optional<std::chrono::milliseconds> duration;
  // If set, intervals are counted from each step, and only while this returns true.
  std::function<bool()> only_while;
};

// step(wake) returns whether to go on, or an error. It is called when a file is readable (kFiles),
// and when an interval or the duration is over (kTime). The sinks are flushed after it. Returns
// what ended the loop; for kReaderGone the sinks have the exit code.
template <class Step>
Result<Wake> every_interval(const Pace& pace, int stop_fd, const std::vector<int>& files,
                            Sinks& sinks, Step step) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kNever = Clock::time_point::max();
  const auto end = pace.duration ? Clock::now() + *pace.duration : kNever;
  auto next = pace.interval ? Clock::now() + *pace.interval : kNever;
  for (;;) {
    if (pace.only_while) next = pace.only_while() ? Clock::now() + *pace.interval : kNever;
    const Wake wake = wait_until(std::min(next, end), stop_fd, sinks, files);
    if (wake == Wake::kStop || wake == Wake::kReaderGone) return wake;
    Result<bool> goes_on = step(wake);
    if (!goes_on) return tl::make_unexpected(std::move(goes_on).error());
    if (!sinks.flush()) return Wake::kReaderGone;
    if (!*goes_on) return wake;
    if (wake == Wake::kFiles) continue;
    const auto now = Clock::now();
    if (now >= end) return wake;
    // After a slow step, missed intervals are skipped and not made up for.
    while (next <= now) next += *pace.interval;
  }
}

}  // namespace sockscope
