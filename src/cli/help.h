// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sockscope {

// `sockscope help`
std::string overview();

// A `sockscope help NAME` that is not a command.
struct Topic {
  std::string_view name;
  std::string (*text)();
};
std::span<const Topic> topics();

std::string version_text();

}  // namespace sockscope
