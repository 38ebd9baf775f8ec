// SPDX-License-Identifier: Apache-2.0
// What an event or a flow must say, field by field.
#pragma once

#include "live_support.h"

namespace sockscope::live {

struct ExpectedOwner {
  Identity process;
  std::uint32_t opener_pid = 0;
  OwnerKind kind = OwnerKind::kExact;
};
ExpectedOwner owned_by(const Identity& process, OwnerKind kind = OwnerKind::kExact);
ExpectedOwner owned_by(const Identity& process, const Identity& opener);

struct Expected {
  Socket socket;
  ExpectedOwner owner;
  Direction direction = Direction::kUnknown;
  TcpState state = TcpState::kNone;
  std::uint64_t not_before_ns = 0;  // the flow began after this
  bool opened_known = true;
};

void expect_owner(const Owner& owner, const ExpectedOwner& expected);
// Checks identity, addresses, owner and opened_ns.
void expect_flow(const Flow& flow, const Expected& expected);
// Checks the flow, and that the event's time is after the flow's beginning and in the past.
void expect_event(const Event& event, const Expected& expected);
// expect_event(), and what is special about a close, without the counters. left: the state before
// it.
void expect_close(const Event& event, const Expected& expected, TcpState left);
// Equal except for segments: TCP's last ones come after the truth was read.
void expect_final_counters(const Counters& counters, const Counters& before_close,
                           std::uint64_t tx_bytes, std::uint64_t rx_bytes);

}  // namespace sockscope::live
