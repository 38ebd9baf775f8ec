// SPDX-License-Identifier: Apache-2.0
// Decodes the answer of NETLINK_SOCK_DIAG about one TCP socket. Pure.
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sockscope {

// Decodes one netlink message. Nothing when it is no answer about the socket with that cookie, or
// too short to contain anything. What an older kernel does not report stays empty.
std::optional<TcpInternals> decode_tcp_internals(std::span<const std::byte> message,
                                                 std::uint64_t cookie) noexcept;

}  // namespace sockscope
