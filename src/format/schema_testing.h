// SPDX-License-Identifier: Apache-2.0
// For tests: checks documents against what docs/ says about them.
#pragma once

#include <string>
#include <string_view>

namespace sockscope {

// The text of a file below docs/; "" when it cannot be read.
std::string docs_file(std::string_view path);

// "" when the document fits the schema with this name ("snapshot"), otherwise what does not fit and
// where.
std::string schema_problem(std::string_view schema, std::string_view json);

}  // namespace sockscope
