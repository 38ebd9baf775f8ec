// SPDX-License-Identifier: Apache-2.0
#include "cli/followed_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "base/kernel_namespace.h"
#include "base/text.h"
#include "cli/report.h"
#include "model/diagnosis.h"
#include "model/match.h"

namespace sockscope {
namespace {

rlimit file_limit_before{};
struct sigaction pipe_before {};
struct sigaction size_before {};
struct sigaction child_before {};

constexpr int kCannotRun = 127;

Error failed(const char* what) {
  return Error::from_errno(ErrorKind::kIo, errno, what);
}

// The child: waits at the gate, then becomes the program.
[[noreturn]] void become(const std::vector<std::string>& words, int gate, int failure) {
  char byte = 0;
  if (::read(gate, &byte, 1) != 1) ::_exit(kCannotRun);
  ::sigaction(SIGPIPE, &pipe_before, nullptr);
  ::sigaction(SIGXFSZ, &size_before, nullptr);
  ::sigaction(SIGCHLD, &child_before, nullptr);
  if (file_limit_before.rlim_max != 0) ::setrlimit(RLIMIT_NOFILE, &file_limit_before);
  ::dup2(2, 1);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  const int reason = errno;
  [[maybe_unused]] const auto written = ::write(failure, &reason, sizeof reason);
  ::_exit(kCannotRun);
}

}  // namespace

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  file_limit_before = limit;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void keep_write_errors() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &pipe_before);
  ::sigaction(SIGXFSZ, &ignore, &size_before);
}

Result<std::unique_ptr<FollowedProgram>> FollowedProgram::start(
    const std::vector<std::string>& words) {
  if (words.empty()) return nullptr;
  if (!is_in_first_pid_namespace())
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {}, "follow a program")
            .with_detail("this is a pid namespace of its own, and events have the host's pids")
            .with_hint("run it on the host, or in a container with the host's pid namespace"));
  int gate[2];
  int failure[2];
  if (::pipe2(gate, O_CLOEXEC) != 0) return tl::make_unexpected(failed("make a pipe"));
  Fd gate_in(gate[0]);
  Fd gate_out(gate[1]);
  if (::pipe2(failure, O_CLOEXEC) != 0) return tl::make_unexpected(failed("make a pipe"));
  Fd failure_in(failure[0]);
  Fd failure_out(failure[1]);
  // If a caller has set SIGCHLD to be ignored, the exit code of a child could not be read.
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &usual, &child_before);
  const pid_t pid = ::fork();
  if (pid < 0) return tl::make_unexpected(failed("start a process"));
  if (pid == 0) {
    gate_out.reset();
    failure_in.reset();
    become(words, gate_in.get(), failure_out.get());
  }
  // Called directly, for C libraries that do not have pidfd_open.
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return tl::make_unexpected(failed("watch a process"));
  return std::unique_ptr<FollowedProgram>(
      new FollowedProgram(pid, std::move(pidfd), std::move(gate_out), std::move(failure_in)));
}

FollowedProgram::~FollowedProgram() {
  if (!gate_) return;
  gate_.reset();
  siginfo_t ended{};
  ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED);
}

Result<void> FollowedProgram::go() {
  if (::write(gate_.get(), "g", 1) != 1) return tl::make_unexpected(failed("start the program"));
  gate_.reset();
  int reason = 0;
  if (::read(failure_.get(), &reason, sizeof reason) != sizeof reason) return {};
  return tl::make_unexpected(
      Error::from_errno(ErrorKind::kInvalidArgument, reason, "run the program"));
}

std::optional<int> FollowedProgram::exit_code() {
  siginfo_t ended{};
  if (!code_ && ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG) == 0 &&
      ended.si_pid == pid_)
    code_ = ended.si_code == CLD_EXITED ? ended.si_status : 128 + ended.si_status;
  return code_;
}

int FollowedProgram::exit_code_or(int own) {
  const auto code = exit_code();
  if (!code) report(fmt::format("the program goes on as process {}", pid_));
  return code.value_or(kExitDone) != kExitDone ? *code : own;
}

bool FollowedProgram::is_waited_for(int stop_fd) {
  signalfd_siginfo came{};
  if (::read(stop_fd, &came, sizeof came) != sizeof came || exit_code()) return false;
  report("waiting for the program to end", "", "a second signal ends sockscope at once");
  return true;
}

void follow_program(Options& options) {
  options.describe |= needs_process(options.filter);
  options.filter = {};
  options.processes = true;
}

tl::expected<void, int> let_go(FollowedProgram& program, const std::string& name,
                               const Session& session) {
  if (!is_observed(session.doors(), Observation::kProcessFork))
    report("what the program starts is not followed: forks are not observed", "",
           "see 'sockscope doctor'");
  const auto done = program.go();
  if (done) return {};
  report(fmt::format("cannot run {}: {}", clean_text(name), done.error().code().message()));
  return tl::make_unexpected(int{kCannotRun});
}

}  // namespace sockscope
