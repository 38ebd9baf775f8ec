// SPDX-License-Identifier: Apache-2.0
// Errors are values: what went wrong, what was being done, and what the user can do about it.
#pragma once

#include <string>
#include <system_error>
#include <tl/expected.hpp>

namespace sockscope {

enum class ErrorKind {
  kUnsupportedPlatform,  // sockscope cannot run on this kernel at all
  kNotPermitted,         // a capability is missing; hint() names it
  kKernelLacksFeature,   // too old, or built without a feature that is needed
  kLoadFailed,           // the kernel refused a program; detail() has the verifier's words
  kAttachFailed,         // a hook refused a program; detail() names the hook
  kIo,                   // a system call failed
  kInvalidArgument,      // the caller's options make no sense
  kOtherNamespace,       // works only in the host's own namespaces; detail() says which
};

class [[nodiscard]] Error {
 public:
  // code: an errno-like reason, may be empty. doing: what was attempted, e.g. "load the programs".
  Error(ErrorKind kind, std::error_code code, std::string doing)
      : kind_(kind), code_(code), doing_(std::move(doing)) {}

  // err: an errno value, positive or negative (libbpf returns negative ones).
  static Error from_errno(ErrorKind kind, int err, std::string doing) {
    return {kind, {err < 0 ? -err : err, std::system_category()}, std::move(doing)};
  }

  Error with_detail(std::string detail) && {
    detail_ = std::move(detail);
    return std::move(*this);
  }
  Error with_hint(std::string hint) && {
    hint_ = std::move(hint);
    return std::move(*this);
  }

  ErrorKind kind() const noexcept { return kind_; }
  const std::error_code& code() const noexcept { return code_; }

  // One line: "cannot load the programs: Operation not permitted".
  std::string message() const {
    return "cannot " + doing_ + (code_ ? ": " + code_.message() : std::string());
  }
  // Why, in the kernel's or our own words. Empty when there is nothing to add; may have many lines.
  const std::string& detail() const noexcept { return detail_; }
  // What to do about it; empty when nothing is known.
  const std::string& hint() const noexcept { return hint_; }

 private:
  ErrorKind kind_;
  std::error_code code_;
  std::string doing_;
  std::string detail_;
  std::string hint_;
};

template <class T>
using Result = tl::expected<T, Error>;

}  // namespace sockscope
