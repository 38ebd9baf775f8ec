// SPDX-License-Identifier: Apache-2.0
// Words for the parts of a flow, as tables show them and filters accept them.
#pragma once

#include <sockscope/event.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sockscope {

// With fewer segments sent, the share of retransmitted ones is not marked.
inline constexpr std::uint64_t kLeastSegments = 100;

// Whether it sends more than one segment in a hundred again, and at least kLeastSegments a second.
bool often_retransmits(const Process& process) noexcept;

// "tcp", "tcp6", "udp" or "udp6".
std::string_view protocol_name(const Flow& flow) noexcept;

// At most four letters: EST, SYN, FIN, TW, CLSW, CLS, LIS; "" for TcpState::kNone. FIN is any state
// in which both ends are still closing.
std::string_view short_name(TcpState state) noexcept;

// The ends that the flow's packets have, where those differ from the socket's: "→10.97.0.2:6443"
// (remote), "192.0.2.1:80→" (local), "192.0.2.1:40112→10.97.0.2:6443"; "": none differs.
std::string translation_text(const Flow& flow);

// The state to show: for a closed flow kClose, unless the kernel still keeps it in TIME_WAIT.
TcpState shown_state(const Flow& flow) noexcept;

// "addr:port" in at most `width` cells. The address is shortened where it says least: IPv6 keeps
// its first and last groups and, longest, its zone; IPv4 its last octets. The port is never cut, so
// with a width below 7 the result may be wider.
std::string shorten_endpoint(const Endpoint& endpoint, std::size_t width);

// "cdn.example.net:443" in at most `width` cells: the name by which the remote end was asked for. A
// long name is shortened in the middle, "api.pay…example.com:443", because its beginning and its
// domain say most. Empty: there is no name, or it is not plain ASCII.
std::string shorten_remote_name(const Flow& flow, std::size_t width);

// The same for the name alone.
std::string shorten_name(const Flow& flow, std::size_t width);

// Where the name comes from, cleaned: "asked for 3 s ago by curl 812, answered by 192.0.2.53:53",
// without what is not known about the asker; or "looked up in reverse 3 s ago, answered by …".
std::string describe_name_source(const RemoteName& known, std::uint64_t now_ns);

// How the owner is known: as to_string(), but "found holding it" instead of "bootstrap".
std::string_view owner_text(OwnerKind kind) noexcept;

// "ok 1.2 ms"; "ok" with polled sources, which do not know the latency.
std::string describe_success(const event::Connect& connect);

// "ETIMEDOUT"; "given up" when the program itself ended the attempt; "unknown reason".
std::string_view failure_reason(const event::ConnectFailed& failed) noexcept;
// Of an event::ConnectFailed: "ETIMEDOUT SYN×4 15.0 s", or when the program itself ended the
// attempt "given up by the program after 5 SYNs, 31.2 s"; without what is not known.
std::string describe_failure(const Event& event);

// " cwnd 42→29"; " cwnd 42" when nothing reduced it; "" when not known.
std::string describe_window(const event::Retransmit& retransmit);

// How long a connection, or the exchange with a remote end, lasted: "1.2 s"; "—" when not known.
std::string describe_duration(const std::optional<std::uint64_t>& duration_us);
// The duration of an event::Close or event::UdpPeerClose; empty for others.
std::optional<std::uint64_t> duration_of(const Event& event);

// "send 1448"
std::string describe_data(const event::Data& data);
std::string describe_drop(const event::ListenDrop& drop);  // "3 dropped, 129 of 128 wait"

// Cleaned. For a query "A www.example.net". For an answer its code, what it says first and how long
// it took: "A www.example.net → 192.0.2.7 +3 12 ms", "A nosuch.example NXDOMAIN 1.2 ms"; or "A
// mute.example no answer".
std::string describe_dns(const DnsMessage& dns);

}  // namespace sockscope
