// SPDX-License-Identifier: Apache-2.0
#include "cli/confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/fd.h"

namespace sockscope {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kHasSanitizer = true;
#else
constexpr bool kHasSanitizer = false;
#endif

// A folder with a file in it, and what a confined process can do there.
class Confined : public testing::Test {
 protected:
  Confined() {
    if (::mkdtemp(folder_.data()) == nullptr) std::abort();
    file_ = folder_ + "/file";
    if (std::FILE* made = std::fopen(file_.c_str(), "w")) {
      std::fputs("kept", made);
      std::fclose(made);
    }
  }
  ~Confined() override {
    for (const char* name : {"/file", "/new", "/moved"}) ::unlink((folder_ + name).c_str());
    ::rmdir(folder_.c_str());
  }

  // How many of the checks fail in a confined process; each failure is printed.
  template <class Checks>
  static int failures(Allowed allowed, Checks checks) {
    const pid_t child = ::fork();
    if (child == 0) {
      failed_ = 0;
      if (!confine(allowed)) ::_exit(125);
      checks();
      ::_exit(failed_);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
  }
  static void expect(bool is_right, const char* what) {
    if (is_right) return;
    std::fprintf(stderr, "%s: %d\n", what, errno);
    ++failed_;
  }
  static void refused(long result, const char* what) {
    expect(result == -1 && errno == EPERM, what);
  }

  std::string folder_ = "/tmp/confined.XXXXXX";
  std::string file_;
  static inline int failed_ = 0;
};

TEST_F(Confined, NothingIsChanged) {
  const std::string other = folder_ + "/moved";
  const Fd open_before(::open(file_.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(
      failures(
          {},
          [&] {
            const char* const path = file_.c_str();
            for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDONLY | O_TRUNC,
                                    O_WRONLY | O_APPEND, O_WRONLY | O_CREAT, O_RDONLY | O_CREAT})
              refused(::open(path, flags | O_CLOEXEC, 0600), "open");
            refused(::open((folder_ + "/new").c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600), "new");
            refused(::open(folder_.c_str(), O_WRONLY | O_TMPFILE, 0600), "unnamed");
            refused(::syscall(SYS_openat2, AT_FDCWD, path, nullptr, 0), "openat2");
            refused(::creat(path, 0600), "creat");
            refused(::unlink(path), "unlink");
            refused(::rename(path, other.c_str()), "rename");
            refused(::link(path, other.c_str()), "link");
            refused(::symlink(path, other.c_str()), "symlink");
            refused(::mkdir(other.c_str(), 0700), "mkdir");
            refused(::mkfifo(other.c_str(), 0600), "mkfifo");
            refused(::chmod(path, 0777), "chmod");
            refused(::chown(path, 1, 1), "chown");
            refused(::truncate(path, 0), "truncate");
            refused(::fchmod(open_before.get(), 0777), "fchmod");
            refused(::chroot("/"), "chroot");
          }),
      0);
}

TEST_F(Confined, NobodyElseIsTouched) {
  const pid_t parent = ::getpid();
  EXPECT_EQ(failures({},
                     [&] {
                       char* const words[] = {const_cast<char*>("true"), nullptr};
                       refused(::execv("/bin/true", words), "execv");
                       refused(::kill(parent, SIGCONT), "kill");
                       refused(::syscall(SYS_tgkill, parent, parent, SIGCONT), "tgkill");
                       refused(::syscall(SYS_process_vm_readv, parent, nullptr, 0, nullptr, 0, 0),
                               "read");
                       refused(::syscall(SYS_process_vm_writev, parent, nullptr, 0, nullptr, 0, 0),
                               "write");
                       refused(::syscall(SYS_setns, 0, 0), "setns");
                       refused(::syscall(SYS_unshare, 0), "unshare");
                       refused(::syscall(SYS_io_uring_setup, 1, nullptr), "io_uring_setup");
                       refused(::listen(0, 1), "listen");
                       refused(::ioctl(0, TIOCSTI, "x"), "ioctl");
                       if (kHasSanitizer) return;  // the sanitizer itself needs these
                       refused(::fork(), "fork");
                       refused(::syscall(SYS_ptrace, 16, parent, 0, 0), "ptrace");
                     }),
            0);
}

TEST_F(Confined, ReadingGoesOn) {
  const Fd open_before(::open(file_.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(failures({},
                     [&] {
                       const Fd file(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
                       char text[8] = {};
                       expect(file && ::read(file.get(), text, sizeof text) == 4, "read");
                       expect(::write(open_before.get(), "more", 4) == 4, "write");
                       expect(::ftruncate(open_before.get(), 2) == 0, "ftruncate");
                       expect(::kill(::getppid(), 0) == 0, "whether it is there");
                       expect(::kill(::getpid(), 0) == 0 && ::raise(SIGCONT) == 0, "raise");
                       bool has_run = false;
                       std::thread([&has_run] { has_run = true; }).join();
                       expect(has_run, "thread");
                     }),
            0);
}

TEST_F(Confined, NewFilesWhereTheyAreAllowed) {
  EXPECT_EQ(
      failures({.new_files = true},
               [&] {
                 const std::string path = folder_ + "/new";
                 refused(::open(file_.c_str(), O_WRONLY | O_CLOEXEC), "open what is there");
                 refused(::open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), "empty it");
                 refused(::unlink(file_.c_str()), "unlink");
                 const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
                 expect(static_cast<bool>(file), "new");
                 const Fd unnamed(::open(folder_.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
                 expect(unnamed || errno == EOPNOTSUPP, "unnamed");
               }),
      0);
}

TEST_F(Confined, CanBeHadHere) {
  EXPECT_TRUE(can_confine());
}

}  // namespace
}  // namespace sockscope
