// SPDX-License-Identifier: Apache-2.0
// Text files of /proc to values. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sockscope {

// Where cgroup2 is mounted, from the text of /proc/self/mounts.
std::optional<std::string> find_cgroup2_mount(std::string_view mounts);

// The effective capabilities (a bit each), from the text of /proc/self/status.
std::optional<unsigned long long> find_effective_capabilities(std::string_view status);

}  // namespace sockscope
