// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstdint>
#include <functional>

#include "base/fd.h"
#include "decode/conntrack.h"

namespace sockscope {

// The connections that netfilter tracks, of the network namespace of the thread that opens it:
// those that are there, then those that come and go. The kernel makes a message of each connection
// for whoever listens (some microseconds), and nobody can ask without CAP_NET_ADMIN: so it is asked
// once, by open().
class Conntrack {
 public:
  // How the door is called, and what it cannot do.
  static constexpr const char* kDoor = "conntrack";
  static constexpr const char* kLimits = "not of other network namespaces, nor of zones";

  // Whether connections are tracked at all, as anybody can see.
  static bool is_in_use() noexcept;

  // `take` has the connections that are there. Nothing begins to be tracked for it: where nothing
  // is yet, that is kKernelLacksFeature. Other errors: kNotPermitted, kIo.
  using Take = std::function<void(const ConntrackEntry&)>;
  static Result<Conntrack> open(const Take& take);

  int fd() const noexcept { return events_.get(); }
  // Hands over, without waiting, those that began and those that ended since. Errors: kIo.
  Result<void> read(const Take& began, const Take& ended);
  // How often the kernel had no room for a message.
  std::uint64_t overruns() const noexcept { return overruns_; }

 private:
  explicit Conntrack(Fd events) : events_(std::move(events)) {}

  Fd events_;
  std::uint64_t overruns_ = 0;
};

}  // namespace sockscope
