// SPDX-License-Identifier: Apache-2.0
#include "cli/confinement.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/capabilities.h"
#include "base/fd.h"
#include "base/file.h"
#include "cli/lookup.h"

namespace sockscope {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kMachine = 0;  // not known
#endif

// Reading, waiting, memory, writing to open files, and asking the kernel through sockets and
// bpf(2), whose commands need capabilities that are gone. The libraries that look up names need no
// more.
constexpr std::uint32_t kHarmless[] = {
    SYS_read,
    SYS_write,
    SYS_bpf,
    SYS_recvmsg,
    SYS_recvfrom,
    SYS_sendto,
    SYS_close,
    SYS_ppoll,
    SYS_clock_gettime,
    SYS_futex,
    SYS_mmap,
    SYS_munmap,
    SYS_brk,
    SYS_timerfd_settime,
    // files
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_lseek,
    SYS_close_range,
    SYS_dup,
    SYS_dup3,
    SYS_fcntl,
    SYS_pipe2,
    SYS_ftruncate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_fadvise64,
    SYS_flock,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    SYS_name_to_handle_at,
    // waiting
    SYS_pselect6,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_eventfd2,
    SYS_signalfd4,
    SYS_timerfd_create,
    SYS_timerfd_gettime,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_times,
    SYS_restart_syscall,
    // memory and threads
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_msync,
    SYS_mincore,
    SYS_membarrier,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_rseq,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_getcpu,
    SYS_exit,
    SYS_exit_group,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigpending,
    SYS_rt_sigtimedwait,
    SYS_rt_sigsuspend,
    SYS_sigaltstack,
    // identity and place of the process
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getpgid,
    SYS_getsid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getgroups,
    SYS_getresuid,
    SYS_getresgid,
    SYS_capget,
    SYS_getrusage,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrandom,
    SYS_prctl,
    SYS_kcmp,
    SYS_pidfd_open,
    SYS_waitid,
    // sockets
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_getsockname,
    SYS_getpeername,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_sendmsg,
    SYS_sendmmsg,
    SYS_recvmmsg,
    SYS_shutdown,
#if defined(__x86_64__)  // newer architectures have other calls for these
    SYS_poll,
    SYS_select,
    SYS_epoll_wait,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_getdents,
    SYS_dup2,
    SYS_pipe,
    SYS_time,
    SYS_getpgrp,
    SYS_getrlimit,
    SYS_arch_prctl,
#endif
};

// A program for seccomp(2), made without allocating memory: when there is none, this must still
// work or fail in order. libseccomp would end the process.
class CallFilter {
 public:
  CallFilter() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, kMachine, 1, 0);
    end(SECCOMP_RET_ERRNO | ENOSYS);  // calls of i386, whose numbers have another meaning
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    constexpr std::uint32_t kX32 = 0x40000000;
    add(BPF_JMP | BPF_JGE | BPF_K, kX32, 0, 1);
    end(SECCOMP_RET_ERRNO | ENOSYS);
#endif
  }

  void allow(std::uint32_t call) {
    answer(call, SECCOMP_RET_ALLOW);
  }
  void answer(std::uint32_t call, std::uint32_t with) {
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    end(with);
  }
  // Allows a call when the low half of an argument, masked, equals the value; with is_not, when it
  // does not.
  void allow_if(std::uint32_t call, unsigned argument, std::uint32_t mask, std::uint32_t value,
                bool is_not = false) {
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 5);
    load(offsetof(seccomp_data, args) + 8 * argument + kLowHalf);
    add(BPF_ALU | BPF_AND | BPF_K, mask);
    add(BPF_JMP | BPF_JEQ | BPF_K, value, is_not ? 1 : 0, is_not ? 0 : 1);
    end(SECCOMP_RET_ALLOW);
    load(offsetof(seccomp_data, nr));
  }
  void allow_if_null(std::uint32_t call, unsigned argument) {
    const auto at = static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * argument);
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 6);
    load(at);
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
    load(at + 4);
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    end(SECCOMP_RET_ALLOW);
    load(offsetof(seccomp_data, nr));
  }

  // Returns 0 or an errno value.
  int install() {
    end(SECCOMP_RET_ERRNO | EPERM);
    if (size_ > code_.size()) return E2BIG;
    const sock_fprog program{static_cast<unsigned short>(size_), code_.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
  }

 private:
  static constexpr std::uint32_t kLowHalf = std::endian::native == std::endian::little ? 0 : 4;

  void add(int code, std::uint32_t value, std::uint8_t if_true = 0, std::uint8_t if_not = 0) {
    if (size_ < code_.size())
      code_[size_] = {static_cast<std::uint16_t>(code), if_true, if_not, value};
    ++size_;
  }
  void load(std::size_t offset) {
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  }
  void end(std::uint32_t with) {
    add(BPF_RET | BPF_K, with);
  }

  std::array<sock_filter, 512> code_{};
  std::size_t size_ = 0;
};

constexpr std::uint32_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
constexpr std::uint32_t kUnnamed = O_TMPFILE & ~O_DIRECTORY;

// Allows open(2) and openat(2) when the masked flags are equal to these.
void allow_open(CallFilter& filter, std::uint32_t mask, std::uint32_t flags) {
  filter.allow_if(SYS_openat, 2, mask, flags);
#ifdef SYS_open
  filter.allow_if(SYS_open, 1, mask, flags);
#endif
}

void add_rules(CallFilter& filter, const Allowed& allowed) {
  constexpr std::uint32_t kAll = 0xffffffff;
  for (const std::uint32_t call : kHarmless) filter.allow(call);
  allow_open(filter, kWriting | kUnnamed, 0);
  // TIOCSTI would write into a terminal's input.
  filter.allow_if(SYS_ioctl, 1, kAll, TIOCSTI, true);
  // Threads, but no processes. Libraries try clone3 first, whose flags a filter cannot see.
  filter.allow_if(SYS_clone, 0, CLONE_THREAD, CLONE_THREAD);
  filter.answer(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
  const auto self = static_cast<std::uint32_t>(::getpid());
  filter.allow_if(SYS_kill, 1, kAll, 0);  // asks whether the process exists
  filter.allow_if(SYS_kill, 0, kAll, self);
  filter.allow_if(SYS_tgkill, 0, kAll, self);
  filter.allow_if_null(SYS_prlimit64, 2);
  if (allowed.signals) filter.allow(SYS_pidfd_send_signal);
  if (allowed.new_files) {
    constexpr std::uint32_t kMask = kWriting | kUnnamed | O_EXCL;
    allow_open(filter, kMask, O_WRONLY | kUnnamed);
    allow_open(filter, kMask, O_WRONLY | O_CREAT | O_EXCL);
    filter.allow(SYS_linkat);
  }
  if (!allowed.folder.empty()) {
    allow_open(filter, 0, 0);
    filter.allow(SYS_unlinkat);
    filter.allow(SYS_renameat2);
#ifdef SYS_renameat
    filter.allow(SYS_renameat);
#endif
#ifdef SYS_rename
    filter.allow(SYS_rename);
#endif
    filter.allow(SYS_fchmod);
#ifdef SYS_unlink
    filter.allow(SYS_unlink);
#endif
  }
#if defined(__SANITIZE_ADDRESS__)
  // At the end the sanitizer looks for leaks like a debugger, from a process of its own.
  for (const std::uint32_t call : {SYS_clone, SYS_ptrace, SYS_wait4}) filter.allow(call);
#endif
}

// Allows changes only below this folder, where the kernel can do that.
void keep_within(const std::string& folder) {
  constexpr std::uint64_t kFiles =
      LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG;
  constexpr std::uint64_t kOthers = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                    LANDLOCK_ACCESS_FS_MAKE_SYM;
  const landlock_ruleset_attr handled{.handled_access_fs = kFiles | kOthers};
  const Fd rules(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0)));
  const Fd parent(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!rules || !parent) return;
  const landlock_path_beneath_attr beneath{.allowed_access = kFiles, .parent_fd = parent.get()};
  if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return;
  (void)::syscall(SYS_landlock_restrict_self, rules.get(), 0);
}

constexpr std::uint32_t kNobody = 65'534;

// Gives up root's identity. Capabilities do not depend on it: they are kept until they are dropped.
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

Result<void> shed_privileges(Source source, bool is_root_needed, const Allowed& allowed) {
  if (!is_root_needed && ::geteuid() == 0 && has_capability(CAP_SETUID) &&
      has_capability(CAP_SETGID) && !hides_processes())
    if (auto left = leave_root(); !left) return left;
  if (auto dropped = drop_privileges(source, allowed.signals ? Keep::kKill : Keep::kNothing);
      !dropped)
    return dropped;
  (void)confine(allowed);  // doctor reports where it is not available
  return {};
}

Result<void> confine(const Allowed& allowed) {
  if (!allowed.folder.empty()) keep_within(allowed.folder);
  CallFilter filter;
  add_rules(filter, allowed);
  if (const int error = kMachine == 0 ? ENOTSUP : filter.install(); error != 0)
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kKernelLacksFeature, error, "confine this process to reading")
            .with_detail("seccomp(2) is not available"));
  return {};
}

bool can_confine() noexcept {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return kMachine != 0 && ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

}  // namespace sockscope
