// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <string_view>

namespace sockscope {

enum ExitCode {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitIncomplete = 3,
  kExitNotPermitted = 4,
  kExitKernelLacks = 5,
};

// Text on stderr. What cannot be written there is dropped: a message is no reason to stop.
void say(std::string_view text);

// What, why, what to do: on stderr, a line each, empty ones left out.
void report(std::string_view what, std::string_view why = {}, std::string_view to_do = {});

// The same for a library error. Returns the exit code it stands for.
int report(const Error& error);

}  // namespace sockscope
