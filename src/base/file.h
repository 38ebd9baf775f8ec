// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sockscope {

// The text of a small file, or its first bytes; empty when it cannot be read.
std::string read_text(const char* path, std::size_t most = SIZE_MAX);

// The same without the ends of lines behind it.
std::string read_line(const std::string& path);

}  // namespace sockscope
