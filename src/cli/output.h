// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace sockscope {

// Standard output, or a file: text is collected in text() and leaves with flush(), whole lines at a
// time.
class Output {
 public:
  // stop_fd: becomes readable when the user wants to stop. Neither is owned.
  explicit Output(int stop_fd, int fd = 1);

  std::string& text() noexcept { return text_; }
  void line(std::string_view line) { text_.append(line).push_back('\n'); }

  // Takes a piece of something large, and writes when much has come together. False as flush().
  bool piece(std::string_view piece);

  // Writes all of it. False when nobody reads any more (a closed pipe), when the user wants to stop
  // while nobody reads (a pipe that stays full), or when the write failed: then exit_code() says
  // how to leave, and what failed was reported.
  bool flush();

  // For a poll set: reports when the reader goes away while nothing is written.
  int fd() const noexcept { return fd_; }
  bool is_terminal() const noexcept { return is_terminal_; }
  // Columns of the terminal; 0 when it is none: no limit.
  std::size_t width() const;

  int exit_code() const noexcept { return exit_code_; }

 private:
  using Clock = std::chrono::steady_clock;
  bool wait_for_room(Clock::time_point& until) const;

  std::string text_;
  int stop_fd_;
  int fd_;
  bool is_file_ = false;
  bool is_terminal_ = false;
  bool is_broken_ = false;
  int exit_code_ = 0;
};

}  // namespace sockscope
