// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sockscope {

// Keeps what libbpf and the verifier print, on this thread, as long as it lives; nothing reaches
// stderr. libbpf's print function is global to the process: the one before is put back.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The program that made a load fail; empty when it was not a program.
  std::string refused_program() const;
  std::string last_lines(int count) const;
  // The verifier's closing objection; empty when it had none.
  std::string objection() const;

 private:
  std::string text_;
  std::string* outer_;
  void* previous_;
};

}  // namespace sockscope
