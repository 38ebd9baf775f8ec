// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstdint>
#include <functional>

#include "base/fd.h"
#include "decode/conntrack.h"

namespace sockscope {

// The connections that netfilter tracks in the network namespace of the thread that opens it: first
// the existing ones, then those that begin and end. While somebody listens, the kernel makes a
// message for each connection (some microseconds). Reading the table needs CAP_NET_ADMIN, so it is
// read once, by open().
class Conntrack {
 public:
  // The name of the door, and what it cannot see.
  static constexpr const char* kDoor = "conntrack";
  static constexpr const char* kLimits = "not of other network namespaces, nor of zones";

  // Whether connections are tracked at all; anybody may ask this.
  static bool is_in_use() noexcept;

  // Hands the existing connections to `take`. This does not make the kernel begin to track
  // connections: where it tracks none, the error is kKernelLacksFeature. Other errors:
  // kNotPermitted, kIo.
  using Take = std::function<void(const ConntrackEntry&)>;
  static Result<Conntrack> open(const Take& take);

  int fd() const noexcept { return events_.get(); }
  // Hands over, without waiting, the connections that began and those that ended since the last
  // call. Errors: kIo.
  Result<void> read(const Take& began, const Take& ended);
  // How often the kernel had no room for messages.
  std::uint64_t overruns() const noexcept { return overruns_; }

 private:
  explicit Conntrack(Fd events) : events_(std::move(events)) {}

  Fd events_;
  std::uint64_t overruns_ = 0;
};

}  // namespace sockscope
