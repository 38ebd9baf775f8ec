// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "source/ebpf/door_kind.h"

namespace sockscope {

// Why a way to observe something cannot be used.
enum class RefusalReason : std::uint8_t {
  kNone,
  kNotAmongDoors,      // the user allowed only others
  kNoTracepoint,       // detail: its name
  kTracepointTooPoor,  // detail: its name
  kNoFunction,         // detail: its name
  kNoKprobes,
  kNoRootCgroup,
  kBarred,         // refused before the verifier ran, although other programs can be loaded
  kLacksNetAdmin,  // the same, because CAP_NET_ADMIN is missing
  kNotSupported,   // cannot be attached: this architecture has no such trampolines
  kSeesNoCalls,    // not usable, because each send and receive was asked for
  kNoPackets,      // nothing else looks at packets, so another way is better if there is one
  kVerifier,       // error; detail: the verifier's objection
  kOther,          // error
};

struct Refusal {
  RefusalReason reason = RefusalReason::kNone;
  std::string detail = {};
  int error = 0;  // errno

  explicit operator bool() const noexcept { return reason != RefusalReason::kNone; }
};

// An error number of Linux that the C library does not define (ENOTSUPP): the architecture has no
// trampolines.
inline constexpr int kNotSupportedByArchitecture = 524;

// For users: "the kernel has no tracepoint sock_send_length".
std::string to_string(const Refusal& refusal);
// What to do about it; empty: nothing is known.
std::string advice_for(DoorKind kind, const Refusal& refusal);

}  // namespace sockscope
