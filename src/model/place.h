// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/process.h>

#include <string_view>

namespace sockscope {

// The container of a process, otherwise its systemd unit; "": neither. Hostile bytes possible.
inline std::string_view place_name(const ProcessInfo& process) noexcept {
  const std::string_view container = process.container();
  return container.empty() ? process.unit() : container;
}

}  // namespace sockscope
