// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sockscope {

// Any bytes as a JSON string, quotes included. RapidJSON leaves DEL and the C1 controls as they
// are, and some terminals obey those.
std::string json_quoted(std::string_view bytes);

// The shortest text that reads back as the same number, never in scientific notation. What is not
// finite is 0.
std::string json_decimal(double value);

}  // namespace sockscope
