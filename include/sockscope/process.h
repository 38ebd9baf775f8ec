// SPDX-License-Identifier: Apache-2.0
// What happens to processes, and what is known of one. Plain data.
//
// pid is a thread group id and tid a thread's, as the host sees them; 0 means unknown.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope {

enum class ProcessEventKind : std::uint8_t {
  kUnknown,  // a kind that this version does not know: ProcessEvent::number says which
  kFork,     // pid, tid: the new process or thread
  kExec,
  kUid,
  kGid,
  kSid,       // became the leader of a new session
  kPtrace,    // a tracer attached to it, or detached (tracer_pid 0)
  kComm,      // got a new name, not by exec
  kCoredump,  // a signal that dumps core is about to end it
  kExit,
};

// number, cpu, times, pid and tid are always set; other members only for the kinds they name.
struct ProcessEvent {
  ProcessEventKind kind = ProcessEventKind::kUnknown;
  std::uint32_t number = 0;  // the kernel's own, PROC_EVENT_…
  std::uint32_t cpu = 0;
  std::uint64_t mono_ns = 0;  // CLOCK_MONOTONIC
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint32_t parent_pid = 0;  // kFork, kExit, kCoredump; 0: not known on this kernel
  std::uint32_t parent_tid = 0;
  std::uint32_t tracer_pid = 0;  // kPtrace
  std::uint32_t tracer_tid = 0;
  std::uint32_t real_id = 0;       // kUid, kGid
  std::uint32_t effective_id = 0;  // kUid, kGid
  std::uint32_t exit_status = 0;   // kExit: as waitpid(2) tells it
  std::uint32_t exit_signal = 0;   // kExit: the signal that its parent gets; 0: none, as for
                                   // threads
  std::uint64_t start_ns = 0;      // CLOCK_BOOTTIME start of the process; 0: not known from this
                                   // source
  std::array<char, 16> comm{};     // kComm: hostile bytes possible

  // The event is that of a thread, not of the process itself.
  bool is_thread() const noexcept { return pid != tid; }
  std::string_view name() const noexcept;  // comm up to its NUL

  // kExit. Empty: ended by a signal.
  std::optional<std::uint32_t> exit_code() const noexcept {
    if ((exit_status & 0x7f) != 0) return std::nullopt;
    return (exit_status >> 8) & 0xff;
  }
  // kExit: the signal that ended it. 0: it exited by itself.
  std::uint32_t ended_by() const noexcept { return exit_status & 0x7f; }
  bool dumped_core() const noexcept { return (exit_status & 0x80) != 0; }

  bool operator==(const ProcessEvent&) const = default;
};

// Lower-case names as in JSON: "fork", "exec", "uid", …, "unknown".
std::string_view to_string(ProcessEventKind) noexcept;

// Sets of kinds, to say which events are wanted.
using ProcessEventMask = std::uint32_t;
constexpr ProcessEventMask mask_of(ProcessEventKind kind) noexcept {
  return 1u << static_cast<unsigned>(kind);
}
inline constexpr ProcessEventMask kAllProcessEvents =
    mask_of(ProcessEventKind::kExit) * 2 - 1;  // including unknown kinds
// Instead of kExit: only exits with a status other than 0.
inline constexpr ProcessEventMask kNonzeroExits = kAllProcessEvents + 1;

// What a process runs. Processes forked from it share this.
struct Program {
  std::string exe;        // path of the executable, as /proc/PID/exe has it
  std::string cmdline;    // arguments, separated by a space
  std::string exe_given;  // the path given to exec, if seen: a link, a script, "./x"
  std::vector<std::string> arguments;
  // There were more arguments than Options::whole_arguments allows, or the process ended before
  // they were read.
  bool arguments_truncated = false;
  bool operator==(const Program&) const = default;
};

enum class ContainerRuntime : std::uint8_t {
  kNone,
  kDocker,
  kPodman,
  kContainerd,
  kCrio,
  kLxc,
  kNspawn,
  kBuildkit,
  kUnknown,
};

// Where a process belongs: its cgroup and what the cgroup stands for. Empty: not known, or none.
struct ControlGroup {
  std::string path;            // "/system.slice/nginx.service"
  std::string unit;            // of the systemd of the host: "nginx.service"
  std::string container_unit;  // of a systemd inside the container
  ContainerRuntime runtime = ContainerRuntime::kNone;
  std::string container_id;    // for LXC and systemd-nspawn the name
  std::string container_name;  // if the runtime's files can be read
  std::string pod_uid;         // Kubernetes
  bool operator==(const ControlGroup&) const = default;
};

// A process. pid and start_ns together identify it. All texts may contain hostile bytes.
struct ProcessInfo {
  std::uint32_t pid = 0;
  std::uint64_t start_ns = 0;    // CLOCK_BOOTTIME; from /proc it is rounded to 10 ms
  std::uint32_t parent_pid = 0;  // the process that forked it, or its parent when it was first seen
  std::uint32_t session = 0;
  std::uint32_t netns = 0;           // inode number
  std::uint64_t cgroup_id = 0;       // cgroup v2
  std::uint32_t inner_pid = 0;       // its pid in its own pid namespace; 0: it has none of its own
  std::optional<std::uint32_t> uid;  // effective
  std::optional<std::uint32_t> gid;
  std::array<char, 16> comm{};
  std::string parents;                     // names of its ancestors, nearest first: "bash < sshd"
  std::shared_ptr<const Program> program;  // null: not known
  std::shared_ptr<const ControlGroup> cgroup;  // null: not known
  bool exited = false;
  std::uint32_t exit_status = 0;  // as waitpid(2) tells it
  std::uint64_t exited_ns = 0;    // CLOCK_MONOTONIC

  std::string_view name() const noexcept;
  std::string_view exe() const noexcept { return program ? std::string_view(program->exe) : ""; }
  std::string_view cmdline() const noexcept {
    return program ? std::string_view(program->cmdline) : "";
  }
  std::string_view unit() const noexcept { return cgroup ? std::string_view(cgroup->unit) : ""; }
  std::string_view pod() const noexcept { return cgroup ? std::string_view(cgroup->pod_uid) : ""; }
  // The name, otherwise the first twelve characters of the id; "" outside of containers.
  std::string_view container() const noexcept;
};

// A process that has a socket open.
struct SocketHolder {
  std::uint32_t pid = 0;
  std::uint64_t start_ns = 0;
  std::uint32_t fd = 0;  // the lowest, if it has several for this socket
  std::array<char, 16> comm{};

  std::string_view name() const noexcept;
};

// "docker", …, "unknown"; "" for kNone.
std::string_view to_string(ContainerRuntime) noexcept;

}  // namespace sockscope
