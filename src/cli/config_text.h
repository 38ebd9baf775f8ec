// SPDX-License-Identifier: Apache-2.0
// Parses the text of a configuration file. Pure; nothing in the text is trusted.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace sockscope {

// One setting: `interval = 2` below [top].
struct Setting {
  enum class Kind { kFlag, kNumber, kText, kList };
  std::string section;
  std::string name;  // for tables in a section with dots: "scan.ports"
  Kind kind = Kind::kText;
  std::vector<std::string> values;  // one, as on the command line; for kList any number
  unsigned line = 0;
};

struct ConfigProblem {
  unsigned line = 0;  // 0: no single line
  std::string what;
  std::string why;  // may be empty
};

// Larger files are refused.
inline constexpr std::size_t kMostConfigBytes = 1 << 20;

// Parses TOML; the settings are in the order of the file. Does not check whether sections and names
// exist.
tl::expected<std::vector<Setting>, ConfigProblem> parse_config(std::string_view text);

}  // namespace sockscope
