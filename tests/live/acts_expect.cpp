// SPDX-License-Identifier: Apache-2.0
#include "acts_expect.h"

#include <unistd.h>

#include <algorithm>

namespace sockscope::live {

ExpectedOwner owned_by(const Identity& process, OwnerKind kind) {
  return {process, process.pid, kind};
}

ExpectedOwner owned_by(const Identity& process, const Identity& opener) {
  return {process, opener.pid, OwnerKind::kExact};
}

void expect_owner(const Owner& owner, const ExpectedOwner& expected) {
  const auto tick_ns = static_cast<std::uint64_t>(1'000'000'000 / ::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(owner.pid, expected.process.pid);
  EXPECT_EQ(owner.opener_pid, expected.opener_pid);
  EXPECT_EQ(owner.start_ns / tick_ns, expected.process.start_ticks);
  EXPECT_EQ(owner.cgroup_id, expected.process.cgroup_id);
  EXPECT_EQ(owner.uid, expected.process.uid);
  EXPECT_EQ(owner.kind, expected.kind)
      << to_string(owner.kind) << " instead of " << to_string(expected.kind);
  EXPECT_EQ(owner.name(), std::string_view(expected.process.comm.data()));
}

void expect_flow(const Flow& flow, const Expected& expected) {
  EXPECT_EQ(flow.cookie, expected.socket.cookie);
  EXPECT_EQ(flow.netns, expected.socket.netns);
  EXPECT_EQ(flow.protocol, expected.socket.protocol);
  EXPECT_EQ(to_string(flow.direction), to_string(expected.direction));
  EXPECT_EQ(to_string(flow.state), to_string(expected.state));
  EXPECT_EQ(to_string(flow.local), to_string(expected.socket.local));
  EXPECT_EQ(to_string(flow.remote), to_string(expected.socket.remote));
  EXPECT_EQ(flow.local.addr.family, expected.socket.local.addr.family);
  EXPECT_EQ(flow.remote.addr.family, expected.socket.remote.addr.family);
  expect_owner(flow.owner, expected.owner);
  if (expected.opened_known) {
    EXPECT_GE(flow.opened_ns, expected.not_before_ns);
    EXPECT_LE(flow.opened_ns, mono_ns());
  } else {
    EXPECT_EQ(flow.opened_ns, 0u);
  }
}

void expect_event(const Event& event, const Expected& expected) {
  SCOPED_TRACE(std::string(to_string(event.kind())) + " of " + to_string(event.flow.local) + " " +
               to_string(event.flow.remote));
  expect_flow(event.flow, expected);
  EXPECT_GE(event.mono_ns, std::max(event.flow.opened_ns, expected.not_before_ns));
  EXPECT_LE(event.mono_ns, mono_ns());
  const bool has_both_ends = event.kind() == EventKind::kConnect ||
                             event.kind() == EventKind::kAccept ||
                             (event.kind() == EventKind::kClose && event.flow.remote.port != 0);
  if (has_both_ends) {
    EXPECT_NE(event.flow.conn_id, ConnectionId::kUnknown);
  }
  EXPECT_EQ(event.flow.closed, event.kind() == EventKind::kClose);
}

void expect_close(const Event& event, const Expected& expected, TcpState left) {
  expect_event(event, expected);
  EXPECT_EQ(event.kind(), EventKind::kClose);
  EXPECT_EQ(to_string(std::get<event::Close>(event.what).old_state), to_string(left));
  EXPECT_EQ(event.flow.closed_ns, event.mono_ns);
  if (expected.opened_known)
    EXPECT_EQ(std::get<event::Close>(event.what).duration_us,
              (event.flow.closed_ns - event.flow.opened_ns) / 1000);
  else
    EXPECT_FALSE(std::get<event::Close>(event.what).duration_us);
}

void expect_final_counters(const Counters& counters, const Counters& before_close,
                           std::uint64_t tx_bytes, std::uint64_t rx_bytes) {
  EXPECT_EQ(counters.tx_bytes, tx_bytes);
  EXPECT_EQ(counters.rx_bytes, rx_bytes);
  EXPECT_GE(counters.tx_segments, before_close.tx_segments);
  EXPECT_LE(counters.tx_segments, before_close.tx_segments + 3);
  EXPECT_GE(counters.rx_segments, before_close.rx_segments);
  EXPECT_LE(counters.rx_segments, before_close.rx_segments + 3);
  EXPECT_EQ(counters.retransmits, before_close.retransmits);
  EXPECT_LE(counters.min_rtt_us, before_close.min_rtt_us);
  EXPECT_EQ(counters.min_rtt_us == 0, before_close.min_rtt_us == 0);
  EXPECT_EQ(counters.srtt_us == 0, before_close.srtt_us == 0);
  EXPECT_LT(counters.srtt_us, 1'000'000u);
}

}  // namespace sockscope::live
