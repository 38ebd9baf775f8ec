// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>

#include "base/fd.h"

namespace sockscope {

std::string read_text(const char* path) {
  std::string text;
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  ssize_t count = 0;
  while (file && (count = ::read(file.get(), buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<std::size_t>(count));
  return text;
}

}  // namespace sockscope
