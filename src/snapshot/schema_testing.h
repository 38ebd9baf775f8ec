// SPDX-License-Identifier: Apache-2.0
// For tests: documents against the schemas in docs/schema.
#pragma once

#include <string>
#include <string_view>

namespace sockscope {

// "" when the document fits the schema of this name ("snapshot"), else what does not and where.
std::string schema_problem(std::string_view schema, std::string_view json);

}  // namespace sockscope
