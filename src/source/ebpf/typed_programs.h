// SPDX-License-Identifier: Apache-2.0
// Loading programs without libbpf reading the kernel's types, which takes longer than everything
// else and 12 MB. libbpf needs them for two things: the types that relocations are about, and the
// numbers of what programs attach to. We have both from one walk (read_kernel_types). Programs
// whose section begins with "sockscope/" get their number from here.
#pragma once

#include <bpf/libbpf.h>
#include <sockscope/error.h>

#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "decode/btf.h"

namespace sockscope {

// "tp_btf/inet_sock_set_state", "sockops": the section's name, without the marks for libbpf.
std::string_view attach_point_of(const bpf_program* program);
// The function or tracepoint of the kernel, or what is iterated over.
std::string target_of(const bpf_program* program);
// The name of its target in KernelTargets; empty: it has none there.
std::string target_name(const bpf_program* program);
// The type to load it with. libbpf has another one, with which it does not read the kernel's types.
bpf_prog_type type_of(const bpf_program* program);

// Makes libbpf know the sections, once for the process. Errors: kLoadFailed.
Result<void> register_sections();

// The names of all types that the object's programs may refer to.
TypeNames type_names_of(const bpf_object* object);

// A file for the excerpt, for bpf_object_open_opts::btf_custom_path. libbpf reads it when it loads
// the object. Errors: kIo.
class ExcerptFile {
 public:
  static Result<ExcerptFile> make();
  Result<void> write(std::span<const std::byte> excerpt);
  // Null where /proc is missing: then libbpf reads the kernel's types itself.
  const char* path() const noexcept;

 private:
  explicit ExcerptFile(Fd file) : file_(std::move(file)) {
    path_ = "/proc/self/fd/" + std::to_string(file_.get());
  }
  Fd file_;
  std::string path_;
};

// While it exists, this thread loads programs for these targets.
class LoadingFor {
 public:
  explicit LoadingFor(const KernelTargets& targets) noexcept;
  ~LoadingFor();
  LoadingFor(const LoadingFor&) = delete;
  LoadingFor& operator=(const LoadingFor&) = delete;
};

}  // namespace sockscope
