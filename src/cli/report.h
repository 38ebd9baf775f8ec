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

// Writes to stderr. What cannot be written is dropped: a message is no reason to stop.
void say(std::string_view text);

// Writes to stderr what failed, why, and what to do: one line each; empty ones are left out.
void report(std::string_view what, std::string_view why = {}, std::string_view to_do = {});

// The same for an error of the library. Returns its exit code.
int report(const Error& error);

}  // namespace sockscope
