// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sockscope {

// The whole text of a small file; empty when it cannot be read.
std::string read_text(const char* path);

}  // namespace sockscope
