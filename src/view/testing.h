// SPDX-License-Identifier: Apache-2.0
// Flows for the tests of this folder.
#pragma once

#include <sockscope/types.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "model/address.h"

namespace sockscope {

inline Endpoint endpoint(const std::string& address, std::uint16_t port) {
  const auto parsed = parse_address(address);
  if (!parsed) throw std::invalid_argument(address);
  return {*parsed, port};
}

inline std::array<char, 16> comm(std::string_view name) {
  std::array<char, 16> out{};
  std::copy_n(name.begin(), std::min(name.size(), out.size() - 1), out.begin());
  return out;
}

// curl (pid 30211, uid 1000) connected to 203.0.113.10:443, with all figures known.
inline Flow curl_flow() {
  Flow flow;
  flow.cookie = 77;
  flow.netns = 4026531840;
  flow.direction = Direction::kOutbound;
  flow.state = TcpState::kEstablished;
  flow.local = endpoint("10.0.0.7", 48122);
  flow.remote = endpoint("203.0.113.10", 443);
  flow.owner = {.pid = 30211,
                .opener_pid = 30190,
                .start_ns = 5,
                .cgroup_id = 4242,
                .uid = 1000,
                .kind = OwnerKind::kExact,
                .comm = comm("curl")};
  flow.counters = {.tx_bytes = 980'000,
                   .rx_bytes = 118'400'000,
                   .tx_segments = 40'322,
                   .rx_segments = 80'914,
                   .retransmits = 17,
                   .srtt_us = 38'200,
                   .min_rtt_us = 21'400};
  flow.opened_ns = 1'000'000'000;
  flow.tx_rate = 26'250.0;
  flow.rx_rate = 3'112'500.0;
  return flow;
}

}  // namespace sockscope
