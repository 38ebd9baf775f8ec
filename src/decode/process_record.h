// SPDX-License-Identifier: Apache-2.0
// The kernel programs' records of processes (wire/record.h) to values. Pure; reads nothing outside
// the span, whatever the bytes are.
#pragma once

#include <sockscope/process.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sockscope {

// A record of the ring buffer that is of a process, not of a flow.
bool is_process_record(std::span<const std::byte> bytes) noexcept;

// `seen`: what the record tells of the process beside the event; of an exec its program too. False:
// the bytes are no record that this version knows.
bool decode_process_event(std::span<const std::byte> bytes, ProcessEvent& event, ProcessInfo& seen);

// One record of a pass over the processes; bytes may hold more after it. Returns its size, 0 when
// the bytes hold no complete record.
std::size_t decode_process(std::span<const std::byte> bytes, ProcessInfo& info);

// The same of a pass over the holders of sockets.
std::size_t decode_holder(std::span<const std::byte> bytes, std::uint64_t& cookie,
                          SocketHolder& holder) noexcept;

}  // namespace sockscope
