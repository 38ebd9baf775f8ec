// SPDX-License-Identifier: Apache-2.0
// DNS messages (RFC 1035, 3596, 6891) and their framing over TCP. Pure; reads nothing outside the
// span, whatever the bytes are.
#pragma once

#include <sockscope/dns.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace sockscope {

// Parses one message, without the length that precedes it over TCP. `whole_size`: size of the
// message as sent, when `bytes` are only its beginning. latency_us stays empty. Nothing for
// messages that are not standard queries or that contradict themselves. A compressed name may point
// only backwards.
std::optional<DnsMessage> parse_dns(std::span<const std::byte> bytes, std::size_t whole_size = 0);

// Makes a query that asks for recursion. The name must be ASCII, its labels at most 63 bytes long
// and without dots.
std::vector<std::byte> make_dns_query(std::uint16_t id, std::string_view name, std::uint16_t type);

// Cuts one direction of a TCP connection into messages. Recognises repeated segments by their
// sequence number. When bytes are missing, it continues with the next segment as if a message began
// there. Segments are not reordered: those that come late are ignored.
class DnsStream {
 public:
  // `bytes`: the captured beginning of a segment of `whole_size` bytes.
  void push(std::uint32_t sequence, std::span<const std::byte> bytes, std::size_t whole_size,
            const std::function<void(std::span<const std::byte>)>& take);
  std::size_t buffered() const noexcept { return buffer_.size(); }

 private:
  std::optional<std::uint32_t> next_;
  std::vector<std::byte> buffer_;  // of an incomplete message: less than 64 KiB + 2
};

}  // namespace sockscope
