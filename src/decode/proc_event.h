// SPDX-License-Identifier: Apache-2.0
// Decodes messages of the process events connector (netlink, CN_IDX_PROC). Pure; reads nothing
// outside the span, whatever the bytes are.
#pragma once

#include <sockscope/process.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sockscope {

struct ProcMessage {
  enum class Kind : std::uint8_t {
    kNothing,  // NLMSG_NOOP, or a message of another connector
    kEvent,
    kAck,      // the kernel's answer to a subscription; error 0: granted
    kOverrun,  // NLMSG_OVERRUN: messages were lost
    kError,    // NLMSG_ERROR: error is an errno, 0: an acknowledgement
  };
  Kind kind = Kind::kNothing;
  int error = 0;
  std::uint32_t sequence = 0;  // kEvent, kAck: counts up on each CPU (event.cpu)
  std::uint32_t ack = 0;       // kAck: one more than the request's; answers to other programs
                               // arrive too
  ProcessEvent event;
};

// Removes the first message from the bytes of a datagram. False: they do not begin with a complete
// message; `message` is then unspecified. An event with an unknown number is accepted.
bool take_proc_message(std::span<const std::byte>& bytes, ProcMessage& message) noexcept;

// The kernel's event numbers (PROC_EVENT_…) for a set of ours. kUnknown stands for all numbers that
// have no name here.
std::uint32_t proc_event_numbers(ProcessEventMask mask) noexcept;

}  // namespace sockscope
