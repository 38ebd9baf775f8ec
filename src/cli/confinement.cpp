// SPDX-License-Identifier: Apache-2.0
#include "cli/confinement.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "base/capabilities.h"
#include "base/file.h"
#include "cli/lookup.h"

namespace sockscope {
namespace {

// Reading, waiting, memory, printing to what is open, and asking the kernel by sockets and bpf(2),
// whose commands need the capabilities that are gone. Libraries that look names up do no more
// either.
constexpr int kHarmless[] = {
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write),
    SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(lseek),
    SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fcntl), SCMP_SYS(pipe), SCMP_SYS(pipe2),
    SCMP_SYS(ftruncate), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(fadvise64), SCMP_SYS(flock),
    // files
    SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents),
    SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(name_to_handle_at),
    // waiting
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2), SCMP_SYS(signalfd4), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(times), SCMP_SYS(restart_syscall),
    // memory and threads
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
    SCMP_SYS(madvise), SCMP_SYS(msync), SCMP_SYS(mincore), SCMP_SYS(membarrier), SCMP_SYS(futex),
    SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address), SCMP_SYS(rseq), SCMP_SYS(arch_prctl),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(exit),
    SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(sigaltstack),
    // who and where one is
    SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getpgrp), SCMP_SYS(getpgid),
    SCMP_SYS(getsid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(getgroups), SCMP_SYS(getresuid), SCMP_SYS(getresgid), SCMP_SYS(capget),
    SCMP_SYS(getrlimit), SCMP_SYS(getrusage), SCMP_SYS(uname), SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom), SCMP_SYS(prctl), SCMP_SYS(kcmp), SCMP_SYS(pidfd_open),
    // sockets and the kernel's tables
    SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg), SCMP_SYS(shutdown), SCMP_SYS(bpf)};

using CallFilter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

// Collects rules until one is refused.
class Rules {
 public:
  explicit Rules(scmp_filter_ctx filter) : filter_(filter) {}

  template <class... Conditions>
  void allow(int call, Conditions... conditions) {
    // Calls that this machine's kernel does not have (negative numbers) need no rule.
    if (failed_ != 0 || call < 0) return;
    const scmp_arg_cmp all[] = {conditions..., SCMP_A0(SCMP_CMP_GE, 0)};
    failed_ =
        seccomp_rule_add_exact_array(filter_, SCMP_ACT_ALLOW, call, sizeof...(conditions), all);
  }
  // open(2) and its like: `at` is the number of the argument with the flags.
  void allow_open(int call, unsigned at, std::uint64_t mask, std::uint64_t flags) {
    allow(call, SCMP_CMP(at, SCMP_CMP_MASKED_EQ, mask, flags));
  }
  int failed() const noexcept { return failed_; }

 private:
  scmp_filter_ctx filter_;
  int failed_ = 0;
};

constexpr std::uint64_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
constexpr std::uint64_t kUnnamed = O_TMPFILE & ~O_DIRECTORY;

void add_rules(Rules& rules, Allowed allowed) {
  for (const int call : kHarmless) rules.allow(call);
  rules.allow_open(SCMP_SYS(open), 1, kWriting | kUnnamed, 0);
  rules.allow_open(SCMP_SYS(openat), 2, kWriting | kUnnamed, 0);
  // Not what writes into a terminal's input.
  rules.allow(SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_NE, TIOCSTI));
  // Threads, no processes.
  rules.allow(SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  const auto self = static_cast<scmp_datum_t>(::getpid());
  rules.allow(SCMP_SYS(kill), SCMP_A1(SCMP_CMP_EQ, 0));  // is it there?
  rules.allow(SCMP_SYS(kill), SCMP_A0(SCMP_CMP_EQ, self));
  rules.allow(SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self));
  rules.allow(SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0));
  if (allowed.signals) rules.allow(SCMP_SYS(pidfd_send_signal));
  if (allowed.new_files) {
    constexpr std::uint64_t kMask = kWriting | kUnnamed | O_EXCL;
    for (const std::uint64_t flags :
         {O_WRONLY | kUnnamed, std::uint64_t{O_WRONLY | O_CREAT | O_EXCL}}) {
      rules.allow_open(SCMP_SYS(open), 1, kMask, flags);
      rules.allow_open(SCMP_SYS(openat), 2, kMask, flags);
    }
    rules.allow(SCMP_SYS(linkat));
  }
#if defined(__SANITIZE_ADDRESS__)
  // It looks for leaks at the end as a debugger does, from a process of its own.
  for (const int call : {SCMP_SYS(clone), SCMP_SYS(ptrace), SCMP_SYS(wait4)}) rules.allow(call);
#endif
}

constexpr std::uint32_t kNobody = 65'534;

// Nothing that the capabilities need depends on it: those are kept until they are dropped.
Result<void> leave_root() {
  const std::uint32_t uid = sudo_uid().value_or(kNobody);
  const passwd* const entry = ::getpwuid(uid);
  const gid_t gid = entry != nullptr ? entry->pw_gid : kNobody;
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && ::setgroups(0, nullptr) == 0 &&
      ::setresgid(gid, gid, gid) == 0 && ::setresuid(uid, uid, uid) == 0)
    return {};
  return tl::make_unexpected(
      Error::from_errno(ErrorKind::kIo, errno, fmt::format("become user {}", uid)));
}

bool hides_processes() {
  return read_text("/proc/self/mounts").find("hidepid=") != std::string::npos;
}

}  // namespace

Result<void> shed_privileges(Source source, bool is_root_needed, Allowed allowed) {
  if (!is_root_needed && ::geteuid() == 0 && has_capability(CAP_SETUID) &&
      has_capability(CAP_SETGID) && !hides_processes())
    if (auto left = leave_root(); !left) return left;
  if (auto dropped = drop_privileges(source, allowed.signals ? Keep::kKill : Keep::kNothing);
      !dropped)
    return dropped;
  (void)confine(allowed);  // doctor says where it is not to be had
  return {};
}

Result<void> confine(Allowed allowed) {
  const auto failed = [](int error) {
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kKernelLacksFeature, error, "confine this process to reading")
            .with_detail("seccomp(2) is not to be had"));
  };
  const CallFilter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
  if (!filter) return failed(ENOMEM);
  // Libraries ask for it first and take the older one then.
  if (const int done = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
      done != 0)
    return failed(done);
  Rules rules(filter.get());
  add_rules(rules, allowed);
  if (rules.failed() != 0) return failed(rules.failed());
  if (const int done = seccomp_load(filter.get()); done != 0) return failed(done);
  return {};
}

bool can_confine() noexcept {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

}  // namespace sockscope
