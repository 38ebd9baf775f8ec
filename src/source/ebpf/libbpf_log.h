// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sockscope {

// Keeps, while it exists, what libbpf and the verifier print on this thread; nothing reaches
// stderr. Any number of threads may have one. The messages of other threads still go to the
// process's own print function, which is restored at the end.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The program that made a load fail; empty when the cause was not a program.
  std::string refused_program() const;
  std::string last_lines(int count) const;
  // The verifier's final error message; empty when it had none, or did not run.
  std::string objection() const;

 private:
  std::string text_;
  std::string* outer_;
};

}  // namespace sockscope
