// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/host.h>

#include <optional>
#include <string>

#include "format/json.h"

namespace sockscope {

inline constexpr std::string_view kHostSchema = "sockscope.host.v1";

// One line, including its newline. problem: why there is no reconciliation; may be empty.
std::string host_json(const HostFacts& facts, const HostId& host,
                      const std::optional<Reconciliation>& bytes, const std::string& problem);

// "192.0.2.7/24"
std::string to_string(const InterfaceAddress& address);

}  // namespace sockscope
