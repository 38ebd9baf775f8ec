// SPDX-License-Identifier: Apache-2.0
// Decodes the records of processes from the kernel programs (wire/record.h). Pure; reads nothing
// outside the span, whatever the bytes are.
#pragma once

#include <sockscope/process.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sockscope {

// Whether a record of the ring buffer is about a process, not a flow.
bool is_process_record(std::span<const std::byte> bytes) noexcept;

// `seen`: what the record says of the process besides the event; after an exec also its program.
// False: this version does not know such a record.
bool decode_process_event(std::span<const std::byte> bytes, ProcessEvent& event, ProcessInfo& seen);

// Decodes one record of a pass over processes; `bytes` may hold more after it. Returns its size, or
// 0 when the bytes hold no complete record.
std::size_t decode_process(std::span<const std::byte> bytes, ProcessInfo& info);

// The same for a pass over the holders of sockets.
std::size_t decode_holder(std::span<const std::byte> bytes, std::uint64_t& cookie,
                          SocketHolder& holder) noexcept;

}  // namespace sockscope
