// SPDX-License-Identifier: Apache-2.0
#include "decode/process_record.h"

#include <algorithm>
#include <cstring>

#include "decode/proc_pid.h"
#include "wire/record.h"

namespace sockscope {
namespace {

bool read_header(std::span<const std::byte> bytes, wire_header& header) noexcept {
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.size <= bytes.size();
}

ProcessEventKind kind_of(std::uint16_t type) noexcept {
  switch (type) {
    case WIRE_FORK: return ProcessEventKind::kFork;
    case WIRE_EXEC: return ProcessEventKind::kExec;
    case WIRE_EXIT: return ProcessEventKind::kExit;
    case WIRE_COMM: return ProcessEventKind::kComm;
    case WIRE_COREDUMP: return ProcessEventKind::kCoredump;
    case WIRE_UID: return ProcessEventKind::kUid;
    case WIRE_GID: return ProcessEventKind::kGid;
    case WIRE_SID: return ProcessEventKind::kSid;
    case WIRE_PTRACE: return ProcessEventKind::kPtrace;
    default: return ProcessEventKind::kUnknown;
  }
}

bool is_change(std::uint16_t type) noexcept {
  return type >= WIRE_UID && type <= WIRE_PTRACE;
}

// Every process record begins with a wire_process.
union Record {
  wire_process process;
  wire_process_change change;
  wire_exec exec;
};

std::size_t size_of(std::uint16_t type) noexcept {
  if (type == WIRE_EXEC) return sizeof(wire_exec);
  return is_change(type) ? sizeof(wire_process_change) : sizeof(wire_process);
}

void fill(const wire_process& record, ProcessInfo& info) {
  info = {};
  info.pid = record.pid;
  info.start_ns = record.start_ns;
  info.parent_pid = record.parent_pid;
  info.session = record.session;
  info.netns = record.header.netns;
  info.cgroup_id = record.cgroup_id;
  info.inner_pid = record.inner_pid;
  info.uid = record.uid;
  info.gid = record.gid;
  std::memcpy(info.comm.data(), record.comm, sizeof record.comm);
}

// The path as the kernel writes it in /proc/PID/exe.
std::string path_of(const wire_exec& record) {
  if (record.path_whole == 0) return {};
  std::string_view names(record.path, std::min<std::size_t>(record.path_size, sizeof record.path));
  std::string path;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find('\0'));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    path.insert(0, name).insert(0, 1, '/');
  }
  return path + (record.path_deleted != 0 ? " (deleted)" : "");
}

std::shared_ptr<const Program> program_of(const wire_exec& record) {
  const std::size_t size =
      std::min<std::size_t>(record.arguments_size, sizeof record.arguments - 1);
  Program program;
  program.exe = path_of(record);
  program.exe_given = {record.filename, ::strnlen(record.filename, sizeof record.filename)};
  program.arguments = split_arguments({record.arguments, size});
  program.arguments_truncated = size < record.arguments_size;
  program.cmdline = join_arguments(program.arguments);
  return std::make_shared<const Program>(std::move(program));
}

}  // namespace

bool is_process_record(std::span<const std::byte> bytes) noexcept {
  wire_header header;
  return read_header(bytes, header) && kind_of(header.type) != ProcessEventKind::kUnknown;
}

bool decode_process_event(std::span<const std::byte> bytes, ProcessEvent& event,
                          ProcessInfo& seen) {
  wire_header header;
  if (!read_header(bytes, header) || header.size != size_of(header.type)) return false;
  Record record;
  std::memcpy(&record, bytes.data(), header.size);
  const wire_process& process = record.process;
  const ProcessEventKind kind = kind_of(process.header.type);
  if (kind == ProcessEventKind::kUnknown) return false;
  event = {};
  event.kind = kind;
  event.cpu = process.cpu;
  event.mono_ns = process.header.mono_ns;
  event.pid = process.pid;
  event.tid = process.tid;
  event.start_ns = process.start_ns;
  std::memcpy(event.comm.data(), process.comm, sizeof process.comm);
  if (kind == ProcessEventKind::kFork || kind == ProcessEventKind::kExit ||
      kind == ProcessEventKind::kCoredump) {
    event.parent_pid = process.parent_pid;
    event.parent_tid = process.parent_tid;
  }
  if (kind == ProcessEventKind::kExit) {
    event.exit_status = process.exit_status;
    // -1: nobody gets a signal.
    event.exit_signal = process.exit_signal == 0xffffffff ? 0 : process.exit_signal;
  }
  if (kind == ProcessEventKind::kUid || kind == ProcessEventKind::kGid) {
    event.real_id = record.change.value;
    event.effective_id = record.change.extra;
  }
  if (kind == ProcessEventKind::kPtrace) {
    event.tracer_pid = record.change.value;
    event.tracer_tid = record.change.extra;
  }
  fill(process, seen);
  if (header.type == WIRE_EXEC) seen.program = program_of(record.exec);
  return true;
}

std::size_t decode_process(std::span<const std::byte> bytes, ProcessInfo& info) {
  wire_process record;
  if (!read_header(bytes, record.header) || record.header.type != WIRE_PROCESS ||
      record.header.size != sizeof record)
    return 0;
  std::memcpy(&record, bytes.data(), sizeof record);
  fill(record, info);
  return sizeof record;
}

std::size_t decode_holder(std::span<const std::byte> bytes, std::uint64_t& cookie,
                          SocketHolder& holder) noexcept {
  wire_holder record;
  if (!read_header(bytes, record.header) || record.header.type != WIRE_HOLDER ||
      record.header.size != sizeof record)
    return 0;
  std::memcpy(&record, bytes.data(), sizeof record);
  cookie = record.cookie;
  holder.pid = record.pid;
  holder.start_ns = record.start_ns;
  holder.fd = record.fd;
  std::memcpy(holder.comm.data(), record.comm, sizeof record.comm);
  return sizeof record;
}

}  // namespace sockscope
