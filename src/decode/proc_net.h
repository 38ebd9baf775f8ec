// SPDX-License-Identifier: Apache-2.0
// Decodes lines of /proc/net/tcp, tcp6, udp and udp6. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "model/polled_socket.h"

namespace sockscope {

// Decodes one line after the heading. It has no cookie and no counters. Empty: another kind of
// line, or a truncated one.
std::optional<PolledSocket> parse_socket_line(std::string_view line, Protocol protocol) noexcept;

// 1234 for "socket:[1234]", the text of a link in /proc/PID/fd; 0: not a socket.
std::uint64_t parse_socket_link(std::string_view link) noexcept;

}  // namespace sockscope
