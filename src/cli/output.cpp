// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/report.h"

namespace sockscope {

Output::Output() : is_terminal_(::isatty(1) != 0) {}

bool Output::piece(std::string_view piece) {
  constexpr std::size_t kMuch = 64 << 10;
  text_ += piece;
  return text_.size() < kMuch || flush();
}

bool Output::flush() {
  if (is_broken_) {
    text_.clear();
    return false;
  }
  std::string_view rest = text_;
  while (!rest.empty()) {
    const ssize_t count = ::write(1, rest.data(), rest.size());
    if (count >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {  // somebody made our output non-blocking
      pollfd writable{.fd = 1, .events = POLLOUT, .revents = 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      if (errno != EPIPE) {
        report(std::string("cannot write the output: ") + std::strerror(errno),
               "what was not written yet is lost", "make room or write to another file");
        exit_code_ = kExitFailed;
      }
      text_.clear();
      is_broken_ = true;
      return false;
    }
  }
  text_.clear();
  return true;
}

std::size_t Output::width() const {
  winsize size{};
  if (!is_terminal_ || ::ioctl(1, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

}  // namespace sockscope
