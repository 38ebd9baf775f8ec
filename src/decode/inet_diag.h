// SPDX-License-Identifier: Apache-2.0
// Decodes netlink messages of NETLINK_SOCK_DIAG. Pure; reads nothing outside the span, whatever the
// bytes are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "model/polled_socket.h"

namespace sockscope {

struct DiagMessage {
  enum class Kind {
    kSocket,
    kDone,       // of a dump; error may say why it ended early
    kError,      // error is an errno, 0: an acknowledgement
    kOverrun,    // the kernel dropped messages
    kOther,      // nothing that is needed here
    kMalformed,  // claims to be a socket, but cannot be read as one
  };
  Kind kind = Kind::kOther;
  bool is_interrupted = false;  // the table changed during the dump, so something may be missing
  std::uint32_t sequence = 0;   // of the request; 0 in unrequested messages
  int error = 0;
  PolledSocket socket;
};

// How much a socket dropped, from its attribute INET_DIAG_SKMEMINFO. Empty: this kernel does not
// report it.
std::optional<std::uint32_t> decode_socket_drops(std::span<const std::byte> memory) noexcept;

// Decodes one message of a datagram; `bytes` may hold more after it. Returns its size with padding,
// or 0 when the bytes hold no complete message. asked: the protocol of the request; an unrequested
// message names its own.
std::size_t decode_diag(std::span<const std::byte> bytes, Protocol asked,
                        DiagMessage& message) noexcept;

}  // namespace sockscope
