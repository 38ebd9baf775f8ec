// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>

#include <algorithm>

#include "base/fd.h"

namespace sockscope {

std::string read_text(const char* path, std::size_t most) {
  std::string text;
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  ssize_t count = 0;
  while (file && text.size() < most &&
         (count = ::read(file.get(), buffer, std::min(sizeof buffer, most - text.size()))) > 0)
    text.append(buffer, static_cast<std::size_t>(count));
  return text;
}

std::string read_line(const std::string& path) {
  std::string text = read_text(path.c_str());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace sockscope
