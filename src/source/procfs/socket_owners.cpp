// SPDX-License-Identifier: Apache-2.0
#include "source/procfs/socket_owners.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/capabilities.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"
#include "decode/proc_net.h"
#include "decode/procfs.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// A process may take over a socket during a search, so one search is not enough. After this many,
// no process that we may inspect holds the socket.
constexpr std::uint8_t kSearches = 3;
// How many seconds a holder is checked again.
constexpr std::uint8_t kChecks = 5;
constexpr std::uint64_t kShareOfTime = 10;
// Most tables of open files in one process that are compared with each other.
constexpr std::size_t kMostTables = 8;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

std::uint32_t number_of(const char* name) {
  std::uint32_t number = 0;
  const char* end = name + std::strlen(name);
  return std::from_chars(name, end, number).ptr == end ? number : 0;
}

// The processes, or the threads of a process.
std::vector<std::uint32_t> all_in(const std::string& path) {
  std::vector<std::uint32_t> numbers;
  const Directory directory(::opendir(path.c_str()));
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr)
    if (const std::uint32_t number = number_of(entry->d_name)) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// Also false where the kernel does not say.
bool share_files(std::uint32_t tid, std::uint32_t other) {
  return ::syscall(SYS_kcmp, tid, other, KCMP_FILES, 0, 0) == 0;
}

std::string files_of(const std::string& proc, std::uint32_t pid, std::uint32_t tid) {
  const std::string process = proc + '/' + std::to_string(pid);
  return tid == pid ? process + "/fd" : process + "/task/" + std::to_string(tid) + "/fd";
}

}  // namespace

SocketOwners::SocketOwners(std::string proc)
    : proc_(std::move(proc)),
      is_live_(proc_ == "/proc"),
      cgroups_("", proc_),
      tick_ns_(kSecond / static_cast<std::uint64_t>(std::max(::sysconf(_SC_CLK_TCK), 1l))) {}

bool SocketOwners::exhausted(const Holder& holder) const noexcept {
  return holder.searches >= kSearches;
}

void SocketOwners::begin(std::uint64_t now_ns) {
  ++poll_;
  wanted_.clear();
  if (now_ns < verify_at_ns_) return;
  verify();
  verify_at_ns_ = now_ns + kSecond;
}

bool SocketOwners::still_holds(std::uint64_t inode, const Holder& holder) const {
  const std::string path =
      files_of(proc_, holder.pid, holder.tid) + '/' + std::to_string(holder.fd);
  std::array<char, 64> link;
  const ssize_t length = ::readlink(path.c_str(), link.data(), link.size());
  return length > 0 && parse_socket_link({link.data(), static_cast<std::size_t>(length)}) == inode;
}

// Needed because processes end while others hold their sockets, pids are reused, and a server hands
// a connection to its child soon after it has accepted it.
void SocketOwners::verify() {
  for (auto each = processes_.begin(); each != processes_.end();) {
    auto& [pid, process] = *each;
    const auto stat = parse_stat(read_text((proc_ + '/' + std::to_string(pid) + "/stat").c_str()));
    const bool lives = stat && stat->start_ticks == process.start_ticks;
    if (lives) {
      process.owner.comm = stat->comm;
      process.owner.cgroup_id = cgroup_of(pid);
    }
    each = lives ? std::next(each) : processes_.erase(each);
  }
  for (auto& [inode, holder] : holders_) {
    if (holder.pid == 0) continue;
    const bool is_gone = !processes_.contains(holder.pid);
    if (!is_gone && holder.checks >= kChecks) continue;
    ++holder.checks;
    if (is_gone || !still_holds(inode, holder))
      holder = {.pid = 0, .poll = holder.poll, .tid = 0, .fd = 0, .searches = 0, .checks = 0};
  }
}

const Owner* SocketOwners::find(std::uint64_t inode) {
  if (inode == 0) return nullptr;
  Holder& holder = holders_[inode];
  holder.poll = poll_;
  if (holder.pid == 0) {
    if (!exhausted(holder)) wanted_.emplace(inode, &holder);
    return nullptr;
  }
  Process& process = processes_.at(holder.pid);
  process.poll = poll_;
  return &process.owner;
}

SocketOwners::Process* SocketOwners::learn(std::uint32_t pid) {
  const std::string directory = proc_ + '/' + std::to_string(pid) + '/';
  const auto stat = parse_stat(read_text((directory + "stat").c_str()));
  if (!stat) return nullptr;
  Process& process = processes_[pid];
  process.start_ticks = stat->start_ticks;
  process.poll = poll_;
  process.owner = {.pid = pid,
                   .opener_pid = 0,
                   .start_ns = host_boottime_ns(stat->start_ticks * tick_ns_),
                   .cgroup_id = cgroup_of(pid),
                   .uid = find_real_uid(read_text((directory + "status").c_str())),
                   .kind = OwnerKind::kBootstrap,
                   .comm = stat->comm};
  return &process;
}

// 0: not known.
std::uint64_t SocketOwners::cgroup_of(std::uint32_t pid) const {
  const auto path =
      find_cgroup2_path(read_text((proc_ + '/' + std::to_string(pid) + "/cgroup").c_str()));
  return path ? cgroups_.number_of(*path) : 0;
}

Door SocketOwners::refused_door() const {
  if (has_capability(CAP_SYS_PTRACE) && has_capability(CAP_DAC_READ_SEARCH))
    return {Observation::kProtectedOwners, "/proc/PID/fd",
            "the kernel hides what they have open from everybody (a security module?)"};
  return {Observation::kOtherUsersOwners, "/proc/PID/fd",
          "this user may not look into them (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH)"};
}

bool SocketOwners::look_into(std::uint32_t pid, std::uint32_t tid) {
  const Directory directory(::opendir(files_of(proc_, pid, tid).c_str()));
  if (!directory) {
    was_refused_ |= errno == EACCES || errno == EPERM;
    return false;
  }
  const int fd = ::dirfd(directory.get());
  std::array<char, 64> link;
  bool found = false;
  Process* process = nullptr;
  while (const dirent* entry = wanted_.empty() ? nullptr : ::readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    const ssize_t length = ::readlinkat(fd, entry->d_name, link.data(), link.size());
    if (length < 0) {
      was_refused_ |= errno == EACCES || errno == EPERM;
      continue;
    }
    const auto inode = parse_socket_link({link.data(), static_cast<std::size_t>(length)});
    const auto wanted = inode == 0 ? wanted_.end() : wanted_.find(inode);
    if (wanted == wanted_.end()) continue;
    if (!process && !(process = learn(pid))) return found;
    *wanted->second = {.pid = pid,
                       .poll = poll_,
                       .tid = tid,
                       .fd = number_of(entry->d_name),
                       .searches = 0,
                       .checks = 0};
    wanted_.erase(wanted);
    found = true;
  }
  return found;
}

// Looks into threads whose open files are not those of the first thread, which may also have ended.
// Of threads that share their files, only one is looked into.
bool SocketOwners::look_into_threads(std::uint32_t pid) {
  std::vector<std::uint32_t> seen{pid};
  bool found = false;
  for (const std::uint32_t tid : all_in(proc_ + '/' + std::to_string(pid) + "/task")) {
    if (wanted_.empty()) break;
    const bool is_seen =
        tid == pid || std::any_of(seen.begin(), seen.end(), [&](std::uint32_t other) {
          return is_live_ && share_files(tid, other);
        });
    if (is_seen) continue;
    found |= look_into(pid, tid);
    if (seen.size() < kMostTables) seen.push_back(tid);
  }
  return found;
}

bool SocketOwners::find_unknown(std::uint64_t now_ns, bool at_once) {
  if (wanted_.empty() || (!at_once && now_ns < walk_not_before_ns_)) return false;
  ++walks_;
  const std::uint64_t cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  bool found = false;
  std::vector<std::uint32_t> holders;
  for (const auto& [pid, process] : processes_) holders.push_back(pid);
  std::sort(holders.begin(), holders.end());
  for (const std::uint32_t pid : holders)
    if (!wanted_.empty()) found |= look_into(pid, pid);
  if (!wanted_.empty()) {
    const std::vector<std::uint32_t> all = all_in(proc_);
    for (const std::uint32_t pid : all) {
      if (wanted_.empty()) break;
      if (!std::binary_search(holders.begin(), holders.end(), pid)) found |= look_into(pid, pid);
    }
    for (const std::uint32_t pid : all)
      if (!wanted_.empty()) found |= look_into_threads(pid);
  }
  for (auto& [inode, holder] : wanted_) ++holder->searches;
  wanted_.clear();
  walk_not_before_ns_ = now_ns + kShareOfTime * (clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_before);
  return found;
}

void SocketOwners::end() {
  wanted_.clear();
  std::erase_if(holders_, [this](const auto& each) { return each.second.poll != poll_; });
  std::erase_if(processes_, [this](const auto& each) { return each.second.poll != poll_; });
}

}  // namespace sockscope
