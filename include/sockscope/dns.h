// SPDX-License-Identifier: Apache-2.0
// DNS as the sockets of this host see it, and the names that it gives to remote ends. Plain data.
//
// Names have no dot at the end; "." is the root. Within a label, a dot or a backslash is preceded
// by a backslash. All other bytes are as received, and possibly hostile. Types and codes are plain
// numbers, because new ones are defined all the time.
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

// "A", "AAAA", …; "TYPE64000" for a number that has no name.
std::string type_name(std::uint16_t type);
// "NOERROR", "NXDOMAIN", …; "RCODE3000".
std::string rcode_name(std::uint16_t rcode);
}  // namespace dns

// A record of an answer's answer section.
struct DnsAnswer {
  std::string name;  // the name that the record belongs to
  std::uint16_t type = 0;
  std::uint32_t ttl_s = 0;
  Address address;     // A, AAAA; otherwise family 0
  std::string target;  // CNAME, PTR: the name it points to; otherwise empty
  bool operator==(const DnsAnswer&) const = default;
};

// One standard query or its answer (opcode 0). The event that carries it (event::Dns) says who sent
// or received it, when, and between which ends.
struct DnsMessage {
  std::uint16_t id = 0;
  bool is_answer = false;
  // A query that is reported a second time, five seconds after this host sent it: no answer came to
  // the same socket.
  bool is_unanswered = false;
  bool truncated = false;                 // an answer that tells the client to ask again over TCP
  std::uint16_t rcode = 0;                // answers; with the upper bits from EDNS
  std::uint16_t type = 0;                 // of the question, like the name
  std::string name;                       // empty: the message has no question
  std::optional<std::uint16_t> udp_size;  // EDNS: how many bytes the sender accepts over UDP
  std::vector<DnsAnswer> answers;         // at most the first dns::kMostAnswers
  std::uint16_t answer_count = 0;         // as the message's header has it
  // Only the beginning of the message was seen, and some of its answers are missing here.
  bool is_cut = false;
  // Answers: time since the query was sent or received at this same socket. Empty: the query was
  // not seen, or is more than five seconds old.
  std::optional<std::uint64_t> latency_us;
};

enum class NameSource : std::uint8_t {
  kProcess,  // the flow's own process got an answer with this address
  // Another process did: a resolver daemon that the flow's process asked (nscd, systemd-resolved
  // over its socket), or one that happens to know the address. It is of the same network namespace,
  // or, if the address is global, of any.
  kHost,
  // sockscope itself looked the address up in reverse (Options::resolve). The name is what the
  // owner of the address calls it, and can be anything.
  kReverse,
};
std::string_view to_string(NameSource) noexcept;  // "process", "host", "ptr"

// The name that somebody on this host asked for and got a flow's remote address as the answer; or
// the name in that address's PTR record.
struct RemoteName {
  std::string name;  // in lower case; as it was asked for, before any CNAME
  NameSource source = NameSource::kHost;
  std::uint64_t learnt_ns = 0;  // CLOCK_MONOTONIC of the last answer with this name
  std::uint32_t ttl_s = 0;      // of that answer, the least along its chain of CNAMEs
  Endpoint server;              // who answered
  std::uint32_t pid = 0;        // who asked; 0: not known, or sockscope itself
  std::array<char, 16> comm{};  // of that process: hostile bytes possible

  std::string_view asker() const noexcept;  // comm up to its NUL
};

}  // namespace sockscope
