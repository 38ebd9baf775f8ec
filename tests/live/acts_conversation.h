// SPDX-License-Identifier: Apache-2.0
// A connection on loopback, with both ends in the test's own process, and the truth about it.
#pragma once

#include "acts_expect.h"

namespace sockscope::live {

struct Conversation {
  Fd listener;
  Fd client;
  Fd server;
  Socket client_socket;
  Socket server_socket;
  ExpectedOwner owner;
  std::uint64_t began_ns = 0;
  ConnectionId id = ConnectionId::kUnknown;  // the same at both ends

  Expected expected_client(TcpState state) const {
    return {.socket = client_socket,
            .owner = owner,
            .direction = Direction::kOutbound,
            .state = state,
            .not_before_ns = began_ns};
  }
  Expected expected_server(TcpState state, OwnerKind kind = OwnerKind::kExact) const {
    return {.socket = server_socket,
            .owner = {owner.process, owner.opener_pid, kind},
            .direction = Direction::kInbound,
            .state = state,
            .not_before_ns = began_ns};
  }
};

// Connects, accepts without asking for the address, and checks both events.
Conversation converse(Collector& collector, std::uint8_t family);

// Checks the open flows against TCP_INFO, closes the client and then the server, and checks both
// closes: the client sent client_bytes and the server server_bytes, all of them read.
void finish(Collector& collector, Conversation& talk, std::uint64_t client_bytes,
            std::uint64_t server_bytes);

// The flow in a new snapshot must have the counters that TCP_INFO shows.
void expect_open_counters(Collector& collector, int fd);

}  // namespace sockscope::live
