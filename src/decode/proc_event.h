// SPDX-License-Identifier: Apache-2.0
// Messages of the process events connector (netlink, CN_IDX_PROC) to values. Pure; reads nothing
// outside the span, whatever the bytes are.
#pragma once

#include <sockscope/process.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sockscope {

struct ProcMessage {
  enum class Kind : std::uint8_t {
    kNothing,  // NLMSG_NOOP, or of another connector
    kEvent,
    kAck,      // the kernel's answer to a subscription; error 0: granted
    kOverrun,  // NLMSG_OVERRUN: messages were lost
    kError,    // NLMSG_ERROR: error is an errno, 0: an acknowledgement
  };
  Kind kind = Kind::kNothing;
  int error = 0;
  std::uint32_t sequence = 0;  // kEvent, kAck: counts up on each CPU (event.cpu)
  std::uint32_t ack = 0;       // kAck: one more than was asked with; the answers to others come too
  ProcessEvent event;
};

// Takes the first message off the bytes of a datagram. False: they do not begin with a whole one;
// then `message` is in an unspecified state. An event with an unknown number is an event.
bool take_proc_message(std::span<const std::byte>& bytes, ProcMessage& message) noexcept;

// The kernel's set of events (PROC_EVENT_…) for one of ours. kUnknown stands for all it may have
// beside those with a name.
std::uint32_t proc_event_numbers(ProcessEventMask mask) noexcept;

}  // namespace sockscope
