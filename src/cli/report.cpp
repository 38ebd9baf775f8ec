// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "base/text.h"

namespace sockscope {
namespace {

// The parts may hold names from outside, and the verifier's many lines.
void print_indented(std::string_view text) {
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    fmt::print(stderr, "  {}\n", clean_text(text.substr(0, newline)));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
}

}  // namespace

void report(std::string_view what, std::string_view why, std::string_view to_do) {
  fmt::print(stderr, "sockscope: {}\n", clean_text(what));
  print_indented(why);
  print_indented(to_do);
}

int report(const Error& error) {
  report(error.message(), error.detail(), error.hint());
  switch (error.kind()) {
    case ErrorKind::kOtherNamespace:
    case ErrorKind::kNotPermitted:
      return kExitNotPermitted;
    case ErrorKind::kKernelLacksFeature:
    case ErrorKind::kUnsupportedPlatform:
      return kExitKernelLacks;
    case ErrorKind::kInvalidArgument:
      return kExitUsage;
    case ErrorKind::kLoadFailed:
    case ErrorKind::kAttachFailed:
    case ErrorKind::kIo:
      break;
  }
  return kExitFailed;
}

}  // namespace sockscope
