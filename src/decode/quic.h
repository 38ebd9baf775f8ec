// SPDX-License-Identifier: Apache-2.0
// Telling QUIC from other UDP. Pure; reads nothing outside the span.
#pragma once

#include <cstddef>
#include <span>

namespace sockscope {

// Whether a datagram begins with an Initial packet of QUIC version 1 (RFC 9000), 2 (RFC 9369), a
// draft from 29 on, or one kept for grease, and is as large as one must be that wants an answer
// (RFC 9000, 14.1). `start`: its first bytes; whole_size: of its payload.
bool is_quic_initial(std::span<const std::byte> start, std::size_t whole_size) noexcept;

}  // namespace sockscope
