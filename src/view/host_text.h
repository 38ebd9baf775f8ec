// SPDX-License-Identifier: Apache-2.0
// Words for the host's figures, as `host` and `top` show them.
#pragma once

#include <sockscope/host.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/text.h"
#include "model/remote_health.h"

namespace sockscope {

inline constexpr const char* kUnknown = "—";

// "10.0G": always in bits per second, the usual unit of links.
std::string speed_text(const Interface& interface);

std::string rate_text(const std::optional<double>& rate, Units units);
std::string bytes_text(const std::optional<std::uint64_t>& bytes);
// "-4.1 kB"
std::string signed_bytes(std::int64_t bytes);

// The result of the last round of echoes: "0.04 ms  loss 0 %", "no answer  loss 100 %", or why
// nothing is known. Cleaned.
std::string probe_text(const ProbeHealth& health);

// How a name server answered in the last minute: "4.10 ms  213 answers  2 failed  1 without
// answer".
std::string answers_text(const NameServerHealth& health);

}  // namespace sockscope
