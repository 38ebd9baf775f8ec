// SPDX-License-Identifier: Apache-2.0
// Converts what users write on the command line. Errors are one line.
#pragma once

#include <sockscope/monitor.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope {

template <class T>
using Parsed = tl::expected<T, std::string>;

// "12,345"
Parsed<std::vector<std::uint32_t>> parse_pids(std::string_view text);
// "80,443,8000-8100"
Parsed<std::vector<PortRange>> parse_ports(std::string_view text);
// A number or a name.
Parsed<std::uint32_t> parse_user(const std::string& text);
// An inode number, a name as 'ip netns' has them, a path or pid:N.
Parsed<std::uint32_t> parse_netns(const std::string& text);
// A whole number that is not negative.
Parsed<std::size_t> parse_count(std::string_view text);
// Seconds, with fractions, within the limits.
// The key in a file, which only its owner may read.
Parsed<ConnectionKey> parse_connection_key(const std::string& path);
Parsed<std::chrono::milliseconds> parse_seconds(const std::string& text, double least, double most);

std::optional<std::uint32_t> user_id(std::string_view name);
// The user who called sudo(8) to become root; none: nobody did.
std::optional<std::uint32_t> sudo_uid();
// "" when the user has no name.
std::string user_name(std::uint32_t uid);
// Its name in /run/netns, which is read anew every second; "" when it has none.
std::string netns_name(std::uint32_t inode);
// "https"; "" when the port has no name.
std::string port_name(std::uint16_t port, Protocol protocol);

}  // namespace sockscope
