// SPDX-License-Identifier: Apache-2.0
#include "decode/proc_event.h"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace sockscope {
namespace {

// The layout is the kernel's ABI. The place of each member is written out here and compared with
// the kernel's header, so that a header that moves one does not compile.
constexpr std::size_t kDetail = 16;  // offset of event_data, after what, cpu and time

#define STANDS_AT(member, offset)                         \
  static_assert(offsetof(proc_event, member) == (offset), \
                "proc_event is not as the kernel sends it")
STANDS_AT(what, 0);
STANDS_AT(cpu, 4);
STANDS_AT(timestamp_ns, 8);
STANDS_AT(event_data, kDetail);
STANDS_AT(event_data.ack.err, kDetail);
STANDS_AT(event_data.fork.parent_pid, kDetail);
STANDS_AT(event_data.fork.parent_tgid, kDetail + 4);
STANDS_AT(event_data.fork.child_pid, kDetail + 8);
STANDS_AT(event_data.fork.child_tgid, kDetail + 12);
STANDS_AT(event_data.exec.process_tgid, kDetail + 4);
STANDS_AT(event_data.id.r, kDetail + 8);
STANDS_AT(event_data.id.e, kDetail + 12);
STANDS_AT(event_data.ptrace.tracer_pid, kDetail + 8);
STANDS_AT(event_data.ptrace.tracer_tgid, kDetail + 12);
STANDS_AT(event_data.comm.comm, kDetail + 8);
STANDS_AT(event_data.coredump.parent_pid, kDetail + 8);
STANDS_AT(event_data.coredump.parent_tgid, kDetail + 12);
STANDS_AT(event_data.exit.exit_code, kDetail + 8);
STANDS_AT(event_data.exit.exit_signal, kDetail + 12);
STANDS_AT(event_data.exit.parent_pid, kDetail + 16);
STANDS_AT(event_data.exit.parent_tgid, kDetail + 20);
#undef STANDS_AT
static_assert(sizeof(cn_msg) == 20 && sizeof(nlmsghdr) == 16);

// The enumerators are inside proc_event or, since Linux 6.6, next to it.
struct Numbers : proc_event {
  static constexpr std::uint32_t kNone = PROC_EVENT_NONE;
  static constexpr std::uint32_t kFork = PROC_EVENT_FORK;
  static constexpr std::uint32_t kExec = PROC_EVENT_EXEC;
  static constexpr std::uint32_t kUid = PROC_EVENT_UID;
  static constexpr std::uint32_t kGid = PROC_EVENT_GID;
  static constexpr std::uint32_t kSid = PROC_EVENT_SID;
  static constexpr std::uint32_t kPtrace = PROC_EVENT_PTRACE;
  static constexpr std::uint32_t kComm = PROC_EVENT_COMM;
  static constexpr std::uint32_t kCoredump = PROC_EVENT_COREDUMP;
  static constexpr std::uint32_t kExit = PROC_EVENT_EXIT;
};

struct Kind {
  std::uint32_t number;
  ProcessEventKind kind;
  std::size_t size;  // how much of event_data is needed
};
constexpr std::array kKinds{
    Kind{Numbers::kFork, ProcessEventKind::kFork, 16},
    Kind{Numbers::kExec, ProcessEventKind::kExec, 8},
    Kind{Numbers::kUid, ProcessEventKind::kUid, 16},
    Kind{Numbers::kGid, ProcessEventKind::kGid, 16},
    Kind{Numbers::kSid, ProcessEventKind::kSid, 8},
    Kind{Numbers::kPtrace, ProcessEventKind::kPtrace, 16},
    Kind{Numbers::kComm, ProcessEventKind::kComm, 24},
    Kind{Numbers::kCoredump, ProcessEventKind::kCoredump, 8},
    Kind{Numbers::kExit, ProcessEventKind::kExit, 16},
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  // 0 beyond the end: older kernels send less.
  std::uint32_t u32(std::size_t offset) const noexcept {
    std::uint32_t value = 0;
    if (offset + sizeof value <= bytes_.size())
      std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  std::uint64_t u64(std::size_t offset) const noexcept {
    std::uint64_t value = 0;
    if (offset + sizeof value <= bytes_.size())
      std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  const std::byte* at(std::size_t offset) const noexcept { return bytes_.data() + offset; }
  std::size_t size() const noexcept { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
};

// The end of a thread sends a signal to nobody: the kernel reports -1.
constexpr std::uint32_t kNoSignal = 0xffffffff;

// Netlink's errors are negative, those of the connector are not.
int positive(std::int32_t error) noexcept {
  return error == INT32_MIN ? INT32_MAX : std::abs(error);
}

bool decode_event_data(const Reader& in, ProcessEvent& event) noexcept {
  event.pid = in.u32(kDetail + 4);
  event.tid = in.u32(kDetail);
  for (const Kind& kind : kKinds) {
    if (kind.number != event.number) continue;
    if (in.size() < kDetail + kind.size) return false;
    event.kind = kind.kind;
    break;
  }
  switch (event.kind) {
    case ProcessEventKind::kFork:
      event.parent_tid = in.u32(kDetail);
      event.parent_pid = in.u32(kDetail + 4);
      event.tid = in.u32(kDetail + 8);
      event.pid = in.u32(kDetail + 12);
      break;
    case ProcessEventKind::kUid:
    case ProcessEventKind::kGid:
      event.real_id = in.u32(kDetail + 8);
      event.effective_id = in.u32(kDetail + 12);
      break;
    case ProcessEventKind::kPtrace:
      event.tracer_tid = in.u32(kDetail + 8);
      event.tracer_pid = in.u32(kDetail + 12);
      break;
    case ProcessEventKind::kComm:
      std::memcpy(event.comm.data(), in.at(kDetail + 8), event.comm.size());
      break;
    case ProcessEventKind::kCoredump:
      event.parent_tid = in.u32(kDetail + 8);
      event.parent_pid = in.u32(kDetail + 12);
      break;
    case ProcessEventKind::kExit:
      event.exit_status = in.u32(kDetail + 8);
      event.exit_signal = in.u32(kDetail + 12);
      if (event.exit_signal == kNoSignal) event.exit_signal = 0;
      event.parent_tid = in.u32(kDetail + 16);
      event.parent_pid = in.u32(kDetail + 20);
      break;
    case ProcessEventKind::kExec:
    case ProcessEventKind::kSid:
    case ProcessEventKind::kUnknown: break;
  }
  return true;
}

bool decode_connector(std::span<const std::byte> payload, ProcMessage& message) noexcept {
  cn_msg connector;
  if (payload.size() < sizeof connector) return false;
  std::memcpy(&connector, payload.data(), sizeof connector);
  if (connector.id.idx != CN_IDX_PROC || connector.id.val != CN_VAL_PROC) {
    message.kind = ProcMessage::Kind::kNothing;
    return true;
  }
  payload = payload.subspan(sizeof connector);
  if (connector.len > payload.size() || connector.len < kDetail) return false;
  const Reader in(payload.first(connector.len));
  message.sequence = connector.seq;
  message.ack = connector.ack;
  ProcessEvent& event = message.event;
  event = {};
  event.number = in.u32(0);
  event.cpu = in.u32(4);
  event.mono_ns = in.u64(8);
  if (event.number == Numbers::kNone) {
    if (in.size() < kDetail + 4) return false;
    message.kind = ProcMessage::Kind::kAck;
    message.error = positive(static_cast<std::int32_t>(in.u32(kDetail)));
    return true;
  }
  message.kind = ProcMessage::Kind::kEvent;
  return decode_event_data(in, event);
}

}  // namespace

bool take_proc_message(std::span<const std::byte>& bytes, ProcMessage& message) noexcept {
  nlmsghdr header;
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return false;
  const auto payload = bytes.subspan(sizeof header, header.nlmsg_len - sizeof header);
  // The padding after the last message may be missing.
  const std::size_t padded = (std::size_t{header.nlmsg_len} + 3) & ~std::size_t{3};
  bytes = bytes.subspan(std::min(padded, bytes.size()));

  message.error = 0;
  message.sequence = message.ack = 0;
  switch (header.nlmsg_type) {
    case NLMSG_NOOP: message.kind = ProcMessage::Kind::kNothing; return true;
    case NLMSG_OVERRUN: message.kind = ProcMessage::Kind::kOverrun; return true;
    case NLMSG_ERROR: {
      std::int32_t error = 0;
      if (payload.size() < sizeof error) return false;
      std::memcpy(&error, payload.data(), sizeof error);
      message.kind = ProcMessage::Kind::kError;
      message.error = positive(error);
      return true;
    }
    default: break;  // the connector uses NLMSG_DONE, older ones other types
  }
  return decode_connector(payload, message);
}

std::uint32_t proc_event_numbers(ProcessEventMask mask) noexcept {
  if ((mask & mask_of(ProcessEventKind::kUnknown)) != 0) return 0xffffffffu;
  constexpr std::uint32_t kNonzeroExit = 0x20000000;  // PROC_EVENT_NONZERO_EXIT, Linux 6.6
  std::uint32_t numbers = (mask & kNonzeroExits) != 0 ? kNonzeroExit : 0;
  for (const Kind& kind : kKinds)
    if ((mask & mask_of(kind.kind)) != 0) numbers |= kind.number;
  return numbers;
}

}  // namespace sockscope
