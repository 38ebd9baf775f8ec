// SPDX-License-Identifier: Apache-2.0
#include "decode/proc_event.h"

#include <gtest/gtest.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <cstring>
#include <vector>

namespace sockscope {
namespace {

using Bytes = std::vector<std::byte>;
using Kind = ProcMessage::Kind;

// Built from the kernel's own structs.
class Datagram {
 public:
  Datagram& add(std::uint16_t type, const void* payload, std::size_t size) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(size));
    header.nlmsg_type = type;
    append(&header, sizeof header);
    append(payload, size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
    return *this;
  }
  Datagram& add(const proc_event& event, std::uint32_t sequence = 0, std::uint32_t ack = 0,
                std::size_t length = sizeof(proc_event), cb_id id = {CN_IDX_PROC, CN_VAL_PROC}) {
    Bytes payload(sizeof(cn_msg) + length);
    cn_msg connector{};
    connector.id = id;
    connector.seq = sequence;
    connector.ack = ack;
    connector.len = static_cast<std::uint16_t>(length);
    std::memcpy(payload.data(), &connector, sizeof connector);
    std::memcpy(payload.data() + sizeof connector, &event, std::min(length, sizeof event));
    return add(NLMSG_DONE, payload.data(), payload.size());
  }
  Bytes& bytes() { return bytes_; }

 private:
  void append(const void* data, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  Bytes bytes_;
};

proc_event raw_event(std::uint32_t what) {
  proc_event event{};
  std::memcpy(&event.what, &what, sizeof what);
  event.cpu = 3;
  event.timestamp_ns = 123'456'789;
  return event;
}

std::vector<ProcMessage> decode(const Bytes& bytes) {
  std::vector<ProcMessage> messages;
  std::span<const std::byte> rest(bytes);
  ProcMessage message;
  while (!rest.empty() && take_proc_message(rest, message)) messages.push_back(message);
  return messages;
}

ProcessEvent only_event(const proc_event& raw) {
  const auto messages = decode(Datagram().add(raw).bytes());
  EXPECT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages.at(0).kind, Kind::kEvent);
  return messages.at(0).event;
}

ProcessEvent common(ProcessEventKind kind, std::uint32_t number) {
  ProcessEvent event;
  event.kind = kind;
  event.number = number;
  event.cpu = 3;
  event.mono_ns = 123'456'789;
  event.pid = 1000;
  event.tid = 1001;
  return event;
}

TEST(ProcEvent, Fork) {
  proc_event raw = raw_event(1);
  raw.event_data.fork.parent_pid = 11;
  raw.event_data.fork.parent_tgid = 10;
  raw.event_data.fork.child_pid = 1001;
  raw.event_data.fork.child_tgid = 1000;
  ProcessEvent expected = common(ProcessEventKind::kFork, 1);
  expected.parent_pid = 10;
  expected.parent_tid = 11;
  EXPECT_EQ(only_event(raw), expected);
  EXPECT_TRUE(expected.is_thread());
}

TEST(ProcEvent, ExecAndSid) {
  proc_event raw = raw_event(2);
  raw.event_data.exec.process_pid = 1001;
  raw.event_data.exec.process_tgid = 1000;
  EXPECT_EQ(only_event(raw), common(ProcessEventKind::kExec, 2));
  const std::uint32_t sid = 0x80;
  std::memcpy(&raw.what, &sid, sizeof sid);
  EXPECT_EQ(only_event(raw), common(ProcessEventKind::kSid, 0x80));
}

TEST(ProcEvent, Identities) {
  proc_event raw = raw_event(4);
  raw.event_data.id.process_pid = 1001;
  raw.event_data.id.process_tgid = 1000;
  raw.event_data.id.r.ruid = 1000;
  raw.event_data.id.e.euid = 0;
  ProcessEvent expected = common(ProcessEventKind::kUid, 4);
  expected.real_id = 1000;
  EXPECT_EQ(only_event(raw), expected);
  const std::uint32_t gid = 0x40;
  std::memcpy(&raw.what, &gid, sizeof gid);
  raw.event_data.id.e.egid = 0xffffffff;
  expected = common(ProcessEventKind::kGid, 0x40);
  expected.real_id = 1000;
  expected.effective_id = 0xffffffff;
  EXPECT_EQ(only_event(raw), expected);
}

TEST(ProcEvent, Ptrace) {
  proc_event raw = raw_event(0x100);
  raw.event_data.ptrace.process_pid = 1001;
  raw.event_data.ptrace.process_tgid = 1000;
  raw.event_data.ptrace.tracer_pid = 21;
  raw.event_data.ptrace.tracer_tgid = 20;
  ProcessEvent expected = common(ProcessEventKind::kPtrace, 0x100);
  expected.tracer_pid = 20;
  expected.tracer_tid = 21;
  EXPECT_EQ(only_event(raw), expected);
}

TEST(ProcEvent, CommWithoutItsNul) {
  proc_event raw = raw_event(0x200);
  raw.event_data.comm.process_pid = 1001;
  raw.event_data.comm.process_tgid = 1000;
  std::memcpy(raw.event_data.comm.comm, "sixteen letters!", 16);
  const ProcessEvent event = only_event(raw);
  EXPECT_EQ(event.kind, ProcessEventKind::kComm);
  EXPECT_EQ(event.name(), "sixteen letters!");
}

TEST(ProcEvent, Coredump) {
  proc_event raw = raw_event(0x40000000);
  raw.event_data.coredump.process_pid = 1001;
  raw.event_data.coredump.process_tgid = 1000;
  raw.event_data.coredump.parent_pid = 11;
  raw.event_data.coredump.parent_tgid = 10;
  ProcessEvent expected = common(ProcessEventKind::kCoredump, 0x40000000);
  expected.parent_pid = 10;
  expected.parent_tid = 11;
  EXPECT_EQ(only_event(raw), expected);
}

// The kernel reports -1.
TEST(ProcEvent, NobodyGetsASignalOfAThreadsEnd) {
  proc_event raw = raw_event(0x80000000);
  raw.event_data.exit.exit_signal = 0xffffffff;
  EXPECT_EQ(only_event(raw).exit_signal, 0u);
}

TEST(ProcEvent, Exit) {
  proc_event raw = raw_event(0x80000000);
  raw.event_data.exit.process_pid = 1001;
  raw.event_data.exit.process_tgid = 1000;
  raw.event_data.exit.exit_code = 0x0300;
  raw.event_data.exit.exit_signal = 17;
  raw.event_data.exit.parent_pid = 11;
  raw.event_data.exit.parent_tgid = 10;
  ProcessEvent expected = common(ProcessEventKind::kExit, 0x80000000);
  expected.exit_status = 0x0300;
  expected.exit_signal = 17;
  expected.parent_pid = 10;
  expected.parent_tid = 11;
  EXPECT_EQ(only_event(raw), expected);
  EXPECT_EQ(expected.exit_code(), 3u);
  EXPECT_EQ(expected.ended_by(), 0u);
  EXPECT_FALSE(expected.dumped_core());
  expected.exit_status = 0x80 | 6;
  EXPECT_EQ(expected.exit_code(), std::nullopt);
  EXPECT_EQ(expected.ended_by(), 6u);
  EXPECT_TRUE(expected.dumped_core());
}

// Kernels before 4.18 do not report the parent.
TEST(ProcEvent, ShorterExitOfOlderKernels) {
  proc_event raw = raw_event(0x80000000);
  raw.event_data.exit.process_pid = raw.event_data.exit.process_tgid = 7;
  raw.event_data.exit.parent_tgid = 10;
  const auto messages = decode(Datagram().add(raw, 0, 0, 32).bytes());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].event.pid, 7u);
  EXPECT_EQ(messages[0].event.parent_pid, 0u);
}

TEST(ProcEvent, UnknownOnesArePassedOn) {
  const ProcessEvent event = only_event(raw_event(0x800));
  EXPECT_EQ(event.kind, ProcessEventKind::kUnknown);
  EXPECT_EQ(event.number, 0x800u);
  EXPECT_EQ(event.cpu, 3u);
}

TEST(ProcMessages, Ack) {
  proc_event raw = raw_event(0);
  raw.event_data.ack.err = 1;
  const auto messages = decode(Datagram().add(raw, 41, 42).bytes());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].kind, Kind::kAck);
  EXPECT_EQ(messages[0].error, 1);
  EXPECT_EQ(messages[0].sequence, 41u);
  EXPECT_EQ(messages[0].ack, 42u);
}

TEST(ProcMessages, ErrorsArePositiveWhicheverSignTheyCome) {
  proc_event raw = raw_event(0);
  for (const std::uint32_t sent : {0u - 1, 0x80000000u}) {
    raw.event_data.ack.err = sent;
    const auto messages = decode(Datagram().add(raw).bytes());
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_GT(messages[0].error, 0);
  }
}

TEST(ProcMessages, SeveralInOneDatagram) {
  const std::int32_t denied = -1;
  const std::int32_t fine = 0;
  Datagram datagram;
  datagram.add(NLMSG_NOOP, nullptr, 0)
      .add(raw_event(1), 7)
      .add(NLMSG_OVERRUN, nullptr, 0)
      .add(NLMSG_ERROR, &denied, sizeof denied)
      .add(NLMSG_ERROR, &fine, sizeof fine)
      .add(raw_event(1), 8, 0, sizeof(proc_event), {CN_IDX_PROC + 1, CN_VAL_PROC})
      .add(raw_event(2), 9);
  const auto messages = decode(datagram.bytes());
  ASSERT_EQ(messages.size(), 7u);
  EXPECT_EQ(messages[0].kind, Kind::kNothing);
  EXPECT_EQ(messages[1].event.kind, ProcessEventKind::kFork);
  EXPECT_EQ(messages[1].sequence, 7u);
  EXPECT_EQ(messages[2].kind, Kind::kOverrun);
  EXPECT_EQ(messages[3].kind, Kind::kError);
  EXPECT_EQ(messages[3].error, 1);
  EXPECT_EQ(messages[4].error, 0);
  EXPECT_EQ(messages[5].kind, Kind::kNothing);
  EXPECT_EQ(messages[6].sequence, 9u);
}

TEST(ProcMessages, CutShortAtAnyByteIsRefused) {
  proc_event raw = raw_event(0x200);
  Bytes bytes = Datagram().add(raw).bytes();
  const std::size_t whole = bytes.size();
  for (std::size_t size = 0; size < whole; ++size) {
    std::span<const std::byte> cut(bytes.data(), size);
    ProcMessage message;
    EXPECT_FALSE(take_proc_message(cut, message)) << size;
  }
}

TEST(ProcMessages, LengthsThatLieAreRefused) {
  for (const std::uint32_t length : {0u, 15u, 16u, 35u, 1000u, 0xffffffffu}) {
    Bytes bytes = Datagram().add(raw_event(0x200)).bytes();
    std::memcpy(bytes.data(), &length, sizeof length);  // nlmsg_len
    std::span<const std::byte> rest(bytes);
    ProcMessage message;
    EXPECT_FALSE(take_proc_message(rest, message)) << length;
  }
  for (const int value : {0, 15, 39, 41, 65535}) {
    const auto length = static_cast<std::uint16_t>(value);
    Bytes bytes = Datagram().add(raw_event(0x200)).bytes();
    std::memcpy(bytes.data() + 16 + offsetof(cn_msg, len), &length, sizeof length);
    std::span<const std::byte> rest(bytes);
    ProcMessage message;
    EXPECT_FALSE(take_proc_message(rest, message)) << length;
  }
}

TEST(ProcEventNumbers, AreTheKernels) {
  EXPECT_EQ(proc_event_numbers(mask_of(ProcessEventKind::kFork) | mask_of(ProcessEventKind::kExit)),
            0x80000001u);
  EXPECT_EQ(proc_event_numbers(kAllProcessEvents & ~mask_of(ProcessEventKind::kUnknown)),
            0x1u | 0x2 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200 | 0x40000000 | 0x80000000);
  EXPECT_EQ(proc_event_numbers(kAllProcessEvents), 0xffffffffu);
  EXPECT_EQ(proc_event_numbers(kNonzeroExits), 0x20000000u);
  EXPECT_EQ(proc_event_numbers(kNonzeroExits | mask_of(ProcessEventKind::kUid)), 0x20000004u);
}

}  // namespace
}  // namespace sockscope
