// SPDX-License-Identifier: Apache-2.0
#include "process_acts.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <stdexcept>

#include "live_support.h"

namespace sockscope::live {
namespace {

std::uint32_t u32(pid_t pid) {
  return static_cast<std::uint32_t>(pid);
}

ProcessEvent of(ProcessEventKind kind, pid_t pid, pid_t tid = 0) {
  ProcessEvent event;
  event.kind = kind;
  event.pid = u32(pid);
  event.tid = u32(tid != 0 ? tid : pid);
  return event;
}

ProcessEvent with_parent(ProcessEvent event, pid_t parent) {
  event.parent_pid = event.parent_tid = u32(parent);
  return event;
}

ProcessEvent exit_of(pid_t pid, int status, pid_t parent, pid_t tid = 0) {
  ProcessEvent event = with_parent(of(ProcessEventKind::kExit, pid, tid), parent);
  event.exit_status = static_cast<std::uint32_t>(status);
  event.exit_signal = SIGCHLD;
  return event;
}

void must(long result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

// The acting child is forked by the test and exits with 0; these events come first and last.
std::vector<ProcessEvent> in_child(const std::function<void(Channel&)>& act,
                                   const std::function<std::vector<ProcessEvent>(pid_t)>& expect,
                                   int status = 0) {
  Child child(act);
  const pid_t pid = child.pid();
  std::vector<ProcessEvent> events = expect(pid);
  child.wait();
  events.insert(events.begin(), with_parent(of(ProcessEventKind::kFork, pid), ::getpid()));
  events.push_back(exit_of(pid, status, ::getpid()));
  return events;
}

std::vector<ProcessEvent> fork_and_exit() {
  pid_t grandchild = 0;
  Child child([](Channel& test) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(7);
    ::waitpid(pid, nullptr, 0);
    test.put(pid);
  });
  const pid_t pid = child.pid();
  grandchild = child.channel().get<pid_t>();
  child.wait();
  return {with_parent(of(ProcessEventKind::kFork, pid), ::getpid()),
          with_parent(of(ProcessEventKind::kFork, grandchild), pid),
          exit_of(grandchild, 7 << 8, pid), exit_of(pid, 0, ::getpid())};
}

std::vector<ProcessEvent> exec() {
  return in_child(
      [](Channel&) { ::execl("/bin/true", "true", nullptr); },
      [](pid_t pid) { return std::vector<ProcessEvent>{of(ProcessEventKind::kExec, pid)}; });
}

std::vector<ProcessEvent> failed_exit() {
  return in_child([](Channel&) { ::_exit(3); }, [](pid_t) { return std::vector<ProcessEvent>{}; },
                  3 << 8);
}

// Through the system call, because the C library's function would change every thread.
std::vector<ProcessEvent> change_user() {
  return in_child([](Channel&) { must(::syscall(SYS_setresuid, 4711, 4712, 0), "setresuid"); },
                  [](pid_t pid) {
                    ProcessEvent event = of(ProcessEventKind::kUid, pid);
                    event.real_id = 4711;
                    event.effective_id = 4712;
                    return std::vector<ProcessEvent>{event};
                  });
}

std::vector<ProcessEvent> change_group() {
  return in_child([](Channel&) { must(::syscall(SYS_setresgid, 4713, 4714, 0), "setresgid"); },
                  [](pid_t pid) {
                    ProcessEvent event = of(ProcessEventKind::kGid, pid);
                    event.real_id = 4713;
                    event.effective_id = 4714;
                    return std::vector<ProcessEvent>{event};
                  });
}

std::vector<ProcessEvent> new_session() {
  return in_child(
      [](Channel&) { must(::setsid(), "setsid"); },
      [](pid_t pid) { return std::vector<ProcessEvent>{of(ProcessEventKind::kSid, pid)}; });
}

std::vector<ProcessEvent> traced() {
  Child child([](Channel& test) { test.await(); });
  const pid_t pid = child.pid();
  must(::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr), "PTRACE_SEIZE");
  must(::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr), "PTRACE_INTERRUPT");
  must(::waitpid(pid, nullptr, __WALL), "waitpid");
  must(::ptrace(PTRACE_DETACH, pid, nullptr, nullptr), "PTRACE_DETACH");
  child.channel().signal();
  child.wait();
  ProcessEvent attached = of(ProcessEventKind::kPtrace, pid);
  attached.tracer_pid = u32(::getpid());
  attached.tracer_tid = u32(static_cast<pid_t>(::syscall(SYS_gettid)));
  return {with_parent(of(ProcessEventKind::kFork, pid), ::getpid()), attached,
          of(ProcessEventKind::kPtrace, pid), exit_of(pid, 0, ::getpid())};
}

std::vector<ProcessEvent> rename() {
  return in_child([](Channel&) { ::prctl(PR_SET_NAME, "\x1b[31mhostile\n", 0, 0, 0); },
                  [](pid_t pid) {
                    ProcessEvent event = of(ProcessEventKind::kComm, pid);
                    std::memcpy(event.comm.data(), "\x1b[31mhostile\n", 13);
                    return std::vector<ProcessEvent>{event};
                  });
}

std::vector<ProcessEvent> core_dump() {
  return in_child(
      [](Channel&) {
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::prctl(PR_SET_DUMPABLE, 0);
        ::signal(SIGABRT, SIG_DFL);
        ::kill(::getpid(), SIGABRT);
      },
      [](pid_t pid) {
        return std::vector<ProcessEvent>{
            with_parent(of(ProcessEventKind::kCoredump, pid), ::getpid())};
      },
      SIGABRT);
}

std::vector<ProcessEvent> killed() {
  return in_child([](Channel&) { ::kill(::getpid(), SIGKILL); },
                  [](pid_t) { return std::vector<ProcessEvent>{}; }, SIGKILL);
}

}  // namespace

const std::vector<ProcessAct>& process_acts() {
  static const std::vector<ProcessAct> acts = {
      {"ForkAndExit", fork_and_exit},
      {"Exec", exec},
      {"FailedExit", failed_exit},
      {"ChangeUser", change_user},
      {"ChangeGroup", change_group},
      {"NewSession", new_session},
      {"Traced", traced},
      {"Rename", rename},
      {"CoreDump", core_dump},
      {"Killed", killed},
  };
  return acts;
}

std::vector<ProcessEvent> only_of(const std::vector<ProcessEvent>& all,
                                  const std::vector<ProcessEvent>& expected) {
  std::set<std::uint32_t> pids;
  for (const ProcessEvent& event : expected) pids.insert(event.pid);
  std::vector<ProcessEvent> found;
  for (ProcessEvent event : all) {
    if (!pids.contains(event.pid)) continue;
    event.number = event.cpu = 0;
    event.mono_ns = event.start_ns = 0;
    if (event.kind != ProcessEventKind::kComm) event.comm = {};
    found.push_back(event);
  }
  return found;
}

std::vector<ProcessEvent> as_connector_tells(std::vector<ProcessEvent> expected,
                                             const std::vector<ProcessEvent>& seen) {
  for (std::size_t i = 0; i < std::min(expected.size(), seen.size()); ++i) {
    if (expected[i].kind != ProcessEventKind::kExit || seen[i].parent_pid != 0) continue;
    expected[i].parent_pid = expected[i].parent_tid = 0;
  }
  return expected;
}

std::string as_text(const std::vector<ProcessEvent>& events) {
  std::string text;
  for (const ProcessEvent& e : events)
    text += fmt::format("{} {}/{} parent {}/{} tracer {}/{} ids {}/{} status {:#x} signal {}\n",
                        to_string(e.kind), e.pid, e.tid, e.parent_pid, e.parent_tid, e.tracer_pid,
                        e.tracer_tid, e.real_id, e.effective_id, e.exit_status, e.exit_signal);
  return text;
}

void fork_and_reap(int count) {
  // Outside of the loop, because vfork's second return might overwrite its variables.
  const auto make = [] {
    const pid_t pid = ::vfork();
    if (pid == 0) ::_exit(0);
    return pid;
  };
  for (int i = 0; i < count; ++i) ::waitpid(make(), nullptr, 0);
}

}  // namespace sockscope::live
