// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/text.h"

namespace sockscope {
namespace {

// The parts may contain names from outside, and the many lines of the verifier.
std::string indented(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    lines += "  " + clean_text(text.substr(0, newline)) + '\n';
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
  return lines;
}

}  // namespace

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void report(std::string_view what, std::string_view why, std::string_view to_do) {
  say("sockscope: " + clean_text(what) + '\n' + indented(why) + indented(to_do));
}

int report(const Error& error) {
  report(error.message(), error.detail(), error.hint());
  switch (error.kind()) {
    case ErrorKind::kOtherNamespace:
    case ErrorKind::kNotPermitted: return kExitNotPermitted;
    case ErrorKind::kKernelLacksFeature:
    case ErrorKind::kUnsupportedPlatform: return kExitKernelLacks;
    case ErrorKind::kInvalidArgument: return kExitUsage;
    case ErrorKind::kLoadFailed:
    case ErrorKind::kAttachFailed:
    case ErrorKind::kIo: break;
  }
  return kExitFailed;
}

}  // namespace sockscope
