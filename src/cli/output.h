// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sockscope {

// Standard output: text is collected in text() and leaves with flush(), whole lines at a time.
class Output {
 public:
  Output();

  std::string& text() noexcept { return text_; }
  void line(std::string_view line) { text_.append(line).push_back('\n'); }

  // Takes a piece of something large, and writes when much has come together. False as flush().
  bool piece(std::string_view piece);

  // Writes all of it. False when nobody reads any more (a closed pipe) or the write failed: then
  // exit_code() says how to leave, and the reason was reported.
  bool flush();

  // For a poll set: reports when the reader goes away while nothing is written.
  int fd() const noexcept { return 1; }
  bool is_terminal() const noexcept { return is_terminal_; }
  // Columns of the terminal; 0 when it is none: no limit.
  std::size_t width() const;

  int exit_code() const noexcept { return exit_code_; }
  bool is_broken() const noexcept { return is_broken_; }

 private:
  std::string text_;
  bool is_terminal_ = false;
  bool is_broken_ = false;
  int exit_code_ = 0;
};

}  // namespace sockscope
