// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sockscope {

// Any bytes as a JSON string, including quotes. Also escapes DEL and the C1 controls, which
// RapidJSON does not, because some terminals obey them.
std::string json_quoted(std::string_view bytes);

// The shortest text that reads back as the same number, never in scientific notation. Infinite and
// invalid numbers become 0.
std::string json_decimal(double value);

}  // namespace sockscope
