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

// One message without the length that stands before it over TCP. `whole_size`: of the message as it
// was sent, when `bytes` are only its beginning. latency_us is left empty. Nothing for what is no
// standard query, or says of itself what is not there; a compressed name may only lead back.
std::optional<DnsMessage> parse_dns(std::span<const std::byte> bytes, std::size_t whole_size = 0);

// A query that wants recursion. The name is ASCII, its labels no longer than 63 and without dots.
std::vector<std::byte> make_dns_query(std::uint16_t id, std::string_view name, std::uint16_t type);

// One direction of a TCP connection: cuts it into messages. Knows repeated segments by their
// sequence number. Where bytes are missing it goes on with the next segment as if a message began
// there; segments out of order are not put in order: what comes late is not followed.
class DnsStream {
 public:
  // `bytes`: the beginning of a segment of `whole_size`.
  void push(std::uint32_t sequence, std::span<const std::byte> bytes, std::size_t whole_size,
            const std::function<void(std::span<const std::byte>)>& take);
  std::size_t buffered() const noexcept { return buffer_.size(); }

 private:
  std::optional<std::uint32_t> next_;
  std::vector<std::byte> buffer_;  // of a message that is not complete: less than 64 KiB + 2
};

}  // namespace sockscope
