// SPDX-License-Identifier: Apache-2.0
// DNS as this host's sockets see it, and the names that remote ends have by it. Plain data.
//
// Names are without the dot at the end; "." is the root. A dot or a backslash within a label has a
// backslash before it, all other bytes are as they came: hostile. Types and codes are numbers,
// because new ones come without end.
#pragma once

#include <sockscope/address.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope {

namespace dns {
inline constexpr std::uint16_t kA = 1;
inline constexpr std::uint16_t kCname = 5;
inline constexpr std::uint16_t kPtr = 12;
inline constexpr std::uint16_t kAaaa = 28;
inline constexpr std::uint16_t kNoError = 0;
inline constexpr std::uint16_t kNxDomain = 3;
inline constexpr std::uint16_t kPort = 53;
inline constexpr std::size_t kMostAnswers = 256;

// "A", "AAAA", …; "TYPE64000" for a number without a name.
std::string type_name(std::uint16_t type);
// "NOERROR", "NXDOMAIN", …; "RCODE3000".
std::string rcode_name(std::uint16_t rcode);
}  // namespace dns

// A record of an answer's answer section.
struct DnsAnswer {
  std::string name;  // whose record it is
  std::uint16_t type = 0;
  std::uint32_t ttl_s = 0;
  Address address;     // A, AAAA; else its family is 0
  std::string target;  // CNAME, PTR: the name it leads to; else empty
  bool operator==(const DnsAnswer&) const = default;
};

// One standard query or its answer (opcode 0). Who sent or received it, when, and between which
// ends is said by the event that carries it: event::Dns.
struct DnsMessage {
  std::uint16_t id = 0;
  bool is_answer = false;
  // A query once more, five seconds after this host sent it: no answer came to the same socket.
  bool is_unanswered = false;
  bool truncated = false;                 // an answer that says: ask again over TCP
  std::uint16_t rcode = 0;                // answers; with EDNS's upper bits
  std::uint16_t type = 0;                 // of the question, as the name
  std::string name;                       // empty: the message has no question
  std::optional<std::uint16_t> udp_size;  // EDNS: what the sender takes over UDP, bytes
  std::vector<DnsAnswer> answers;         // the first dns::kMostAnswers
  std::uint16_t answer_count = 0;         // as the header has it
  // Only the beginning was seen, and answers are missing here that the message has.
  bool is_cut = false;
  // Answers: time since the query left, or came, at this same socket; empty: it was not seen, or
  // longer ago than five seconds.
  std::optional<std::uint64_t> latency_us;
};

enum class NameSource : std::uint8_t {
  kProcess,  // the process of the flow itself got an answer with this address
  // Another process did: a resolver's daemon that the flow's asked (nscd, systemd-resolved over its
  // socket), or one that happens to know the address. Of the same network namespace; of another
  // only where the address is global.
  kHost,
  // Nobody asked, but sockscope itself, in reverse (Options::resolve): what the owner of the
  // address calls it, which may be anything.
  kReverse,
};
std::string_view to_string(NameSource) noexcept;  // "process", "host", "ptr"

// The name somebody on this host asked for when the answer was the address of a flow's remote end,
// or that of its PTR record.
struct RemoteName {
  std::string name;  // in lower case; as it was asked for: before any CNAME
  NameSource source = NameSource::kHost;
  std::uint64_t learnt_ns = 0;  // CLOCK_MONOTONIC of the last answer that said so
  std::uint32_t ttl_s = 0;      // of that answer, the least along its chain
  Endpoint server;              // who answered
  std::uint32_t pid = 0;        // who asked; 0: not known, or sockscope itself
  std::array<char, 16> comm{};  // of who asked: hostile bytes possible

  std::string_view asker() const noexcept;  // comm up to its NUL
};

}  // namespace sockscope
