// SPDX-License-Identifier: Apache-2.0
// Lines of /proc/net/tcp, tcp6, udp and udp6 to values. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "model/polled_socket.h"

namespace sockscope {

// One line after the heading. It has no cookie and no counters. Empty: not such a line, or one that
// was cut short.
std::optional<PolledSocket> parse_socket_line(std::string_view line, Protocol protocol) noexcept;

// 1234 of "socket:[1234]", the text of a link in /proc/PID/fd; 0: not a socket.
std::uint64_t parse_socket_link(std::string_view link) noexcept;

}  // namespace sockscope
