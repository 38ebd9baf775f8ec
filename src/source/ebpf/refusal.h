// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "source/ebpf/door_kind.h"

namespace sockscope {

// Why a way into the kernel is not open.
enum class RefusalReason : std::uint8_t {
  kNone,
  kNotAmongDoors,      // the user named others
  kNoTracepoint,       // detail: its name
  kTracepointTooPoor,  // detail: its name
  kNoFunction,         // detail: its name
  kNoKprobes,
  kNoRootCgroup,
  kBarred,         // refused before the verifier looked at it, to whoever may load anything else
  kLacksNetAdmin,  // the same, for want of CAP_NET_ADMIN
  kNotSupported,   // attaching: this architecture has no such trampolines
  kSeesNoCalls,    // each send and receive was asked for
  kNoPackets,      // nothing else looks at packets: another way is better, if there is one
  kVerifier,       // error, and the verifier's objection as detail
  kOther,          // error
};

struct Refusal {
  RefusalReason reason = RefusalReason::kNone;
  std::string detail = {};
  int error = 0;  // errno

  explicit operator bool() const noexcept { return reason != RefusalReason::kNone; }
};

// Linux's own error, not among the C library's: what an architecture without trampolines says.
inline constexpr int kNotSupportedByArchitecture = 524;

// For users: "the kernel has no tracepoint sock_send_length".
std::string to_string(const Refusal& refusal);
// What to do about it; empty: nothing is known.
std::string advice_for(DoorKind kind, const Refusal& refusal);

}  // namespace sockscope
