// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sockscope {

// Keeps what libbpf and the verifier print on this thread as long as it lives; nothing reaches
// stderr. Any number of threads may have one. The process's own print function gets what other
// threads cause, and is put back at the end.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The program that made a load fail; empty when it was not a program.
  std::string refused_program() const;
  std::string last_lines(int count) const;
  // The verifier's closing objection; empty when it had none, or was not asked at all.
  std::string objection() const;

 private:
  std::string text_;
  std::string* outer_;
};

}  // namespace sockscope
