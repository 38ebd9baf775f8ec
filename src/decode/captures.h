// SPDX-License-Identifier: Apache-2.0
// Turns what other tools print about sockets, perhaps on another machine, into flows. Pure.
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <string_view>
#include <vector>

namespace sockscope {

struct Capture {
  std::vector<Flow> flows;
  // Lines that look like a socket and could not be understood.
  std::size_t malformed = 0;
};

// `ss -tunapi`, also with -e and -O. Counters and round trip times come from -i.
Capture parse_ss(std::string_view text);

// `lsof -i -n -P -F pcPtTn`.
Capture parse_lsof(std::string_view text);

// `nettop -x -n -m tcp -l 1` (macOS).
Capture parse_nettop(std::string_view text);

}  // namespace sockscope
