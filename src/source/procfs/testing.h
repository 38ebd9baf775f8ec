// SPDX-License-Identifier: Apache-2.0
// A tree that looks like /proc, for the tests in this folder.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace sockscope {

class ProcTree {
 public:
  ProcTree() {
    std::string name = (std::filesystem::temp_directory_path() / "sockscope-proc-XXXXXX").string();
    if (const char* made = ::mkdtemp(name.data())) root_ = made;
    std::filesystem::create_directories(root_ / "net");
    for (const char* table : {"tcp", "tcp6", "udp", "udp6"}) write_table(table, "");
  }
  ProcTree(const ProcTree&) = delete;
  ProcTree& operator=(const ProcTree&) = delete;
  ~ProcTree() { std::filesystem::remove_all(root_); }

  std::string path() const { return root_.string(); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  // Adds a heading.
  void write_table(const std::string& name, const std::string& lines) const {
    write("net/" + name, "  sl  local_address rem_address   st …\n" + lines);
  }
  void add_process(std::uint32_t pid, const std::string& comm, std::uint64_t start_ticks,
                   std::uint32_t uid = 0) const {
    const std::string directory = std::to_string(pid) + '/';
    write(directory + "stat", std::to_string(pid) + " (" + comm +
                                  ") S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " +
                                  std::to_string(start_ticks) + " 0 0\n");
    write(directory + "status", "Name:\tx\nUid:\t" + std::to_string(uid) + "\t0\t0\t0\n");
    write(directory + "cgroup", "0::/\n");
    std::filesystem::create_directories(root_ / directory / "fd");
  }
  void add_fd(std::uint32_t pid, int fd, const std::string& link) const {
    std::filesystem::create_symlink(link, fd_path(pid, fd));
  }
  void add_socket(std::uint32_t pid, int fd, std::uint64_t inode) const {
    add_fd(pid, fd, "socket:[" + std::to_string(inode) + "]");
  }
  void add_thread_socket(std::uint32_t pid, std::uint32_t tid, int fd, std::uint64_t inode) const {
    const auto files = root_ / std::to_string(pid) / "task" / std::to_string(tid) / "fd";
    std::filesystem::create_directories(files);
    std::filesystem::create_symlink("socket:[" + std::to_string(inode) + "]",
                                    files / std::to_string(fd));
  }
  void remove_thread(std::uint32_t pid, std::uint32_t tid) const {
    std::filesystem::remove_all(root_ / std::to_string(pid) / "task" / std::to_string(tid));
  }
  void remove_fd(std::uint32_t pid, int fd) const { std::filesystem::remove(fd_path(pid, fd)); }
  void remove_process(std::uint32_t pid) const {
    std::filesystem::remove_all(root_ / std::to_string(pid));
  }

 private:
  std::filesystem::path fd_path(std::uint32_t pid, int fd) const {
    return root_ / std::to_string(pid) / "fd" / std::to_string(fd);
  }

  std::filesystem::path root_;
};

}  // namespace sockscope
