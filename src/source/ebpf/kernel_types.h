// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/ebpf/refusal.h"

struct btf;

namespace sockscope {

// What the running kernel's type information tells of its functions and tracepoints. Read when
// first asked: it takes some 8 ms.
class KernelTypes {
 public:
  KernelTypes();
  ~KernelTypes();

  // How many parameters; empty: the kernel has none of that name.
  std::optional<int> function_parameters(const std::string& name);
  std::optional<int> tracepoint_parameters(const std::string& name);

 private:
  struct Deleter {
    void operator()(btf* types) const;
  };
  btf* types();

  std::unique_ptr<btf, Deleter> types_;
  bool tried_ = false;
};

// Why the kernel takes no program at the entry or return of its functions, asked with one that it
// refuses anyhow; none when it might.
Refusal function_door_refusal();

// Why there are no kprobes; none when there are.
Refusal probe_door_refusal();

}  // namespace sockscope
