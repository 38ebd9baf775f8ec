// SPDX-License-Identifier: Apache-2.0
// Tells QUIC from other UDP. Pure; reads nothing outside the span.
#pragma once

#include <cstddef>
#include <span>

namespace sockscope {

// Whether a datagram begins with an Initial packet of QUIC version 1 (RFC 9000), 2 (RFC 9369), a
// draft from 29 on, or a version reserved to exercise negotiation, and is as large as RFC 9000
// (14.1) demands of packets that need an answer. `start`: the first bytes of its payload;
// whole_size: the payload's size.
bool is_quic_initial(std::span<const std::byte> start, std::size_t whole_size) noexcept;

}  // namespace sockscope
