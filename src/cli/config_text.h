// SPDX-License-Identifier: Apache-2.0
// A configuration file's text to what it sets. Pure; nothing in it is trusted.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace sockscope {

// One line of it: `interval = 2` below [top].
struct Setting {
  enum class Kind { kFlag, kNumber, kText, kList };
  std::string section;
  std::string name;  // of tables in a section with dots: "scan.ports"
  Kind kind = Kind::kText;
  std::vector<std::string> values;  // one, as the command line would have it; of kList any number
  unsigned line = 0;
};

struct ConfigProblem {
  unsigned line = 0;  // 0: not of a line
  std::string what;
  std::string why;  // may be empty
};

// Larger files are refused.
inline constexpr std::size_t kMostConfigBytes = 1 << 20;

// In the order of the file. TOML; whether sections and names exist is not looked at.
tl::expected<std::vector<Setting>, ConfigProblem> parse_config(std::string_view text);

}  // namespace sockscope
