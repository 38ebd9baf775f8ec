// SPDX-License-Identifier: Apache-2.0
#include "source/processes/process_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cstring>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"
#include "decode/control_group.h"
#include "decode/proc_pid.h"
#include "decode/procfs.h"

namespace sockscope {
namespace {

// More than any host has at a time. When there are more, all are forgotten at once.
constexpr std::size_t kMostGroups = 20'000;
constexpr std::uint64_t kSecond = 1'000'000'000;

struct DirectoryDeleter {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryDeleter>;

std::array<char, 16> to_comm(std::string_view name) {
  std::array<char, 16> comm{};
  std::copy_n(name.begin(), std::min(name.size(), comm.size() - 1), comm.begin());
  return comm;
}

}  // namespace

ProcessReader::ProcessReader(std::string root, std::size_t most_arguments)
    : root_(std::move(root)),
      most_arguments_(most_arguments),
      tick_ns_(kSecond / static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)))),
      cgroups_(root_, "/proc") {}

std::string ProcessReader::text_of(std::uint32_t pid, const std::string& file) const {
  return read_text((root_ + "/proc/" + std::to_string(pid) + '/' + file).c_str());
}

std::string ProcessReader::link_of(std::uint32_t pid, const std::string& file) const {
  char target[PATH_MAX];
  const std::string path = root_ + "/proc/" + std::to_string(pid) + '/' + file;
  const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : std::string();
}

std::optional<ProcessInfo> ProcessReader::read(std::uint32_t pid) {
  const auto stat = parse_proc_stat(text_of(pid, "stat"));
  if (!stat || stat->pid != pid) return std::nullopt;
  ProcessInfo info;
  info.pid = pid;
  info.start_ns = host_boottime_ns(stat->start_ticks * tick_ns_);
  info.parent_pid = stat->parent_pid;
  info.session = stat->session;
  info.comm = to_comm(stat->comm);
  if (const auto status = parse_proc_status(text_of(pid, "status"))) {
    info.uid = status->uid;
    info.gid = status->gid;
    info.inner_pid = status->inner_pid;
  }
  info.netns = parse_namespace_link(link_of(pid, "ns/net"));
  if (info.netns == 0)
    info.netns = parse_namespace_link(link_of(pid, living_thread_of(pid) + "ns/net"));
  info.program = read_program(pid);
  info.cgroup = read_cgroup(pid, info.cgroup_id);
  return info;
}

std::shared_ptr<const Program> ProcessReader::read_program(std::uint32_t pid) const {
  std::string thread;
  Program program;
  program.exe = link_of(pid, "exe");
  if (program.exe.empty()) {
    thread = living_thread_of(pid);
    program.exe = link_of(pid, thread + "exe");
  }
  read_arguments(pid, thread, program);
  program.cmdline = join_arguments(program.arguments);
  if (program == Program{}) return nullptr;
  return std::make_shared<const Program>(std::move(program));
}

// "task/TID/" of a thread that still runs: when the first thread ended before the others, its files
// are empty. "": there is none.
std::string ProcessReader::living_thread_of(std::uint32_t pid) const {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  const Directory entries(::opendir((root_ + tasks).c_str()));
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    const std::string thread = std::string("task/") + entry->d_name + '/';
    if (entry->d_name[0] != '.' && !link_of(pid, thread + "exe").empty()) return thread;
  }
  return {};
}

std::shared_ptr<const Program> ProcessReader::read_rest(std::uint32_t pid, std::uint64_t start_ns,
                                                        std::shared_ptr<const Program> told) const {
  if (!told->exe.empty() && !told->arguments.empty() && !told->arguments_truncated) return told;
  const auto now = read_program(pid);
  const bool is_same = now && now->cmdline.starts_with(told->cmdline) &&
                       read_start_ns(pid) / tick_ns_ == start_ns / tick_ns_;
  if (!is_same) return told;
  Program whole = *now;
  whole.exe_given = told->exe_given;
  if (!told->exe.empty()) whole.exe = told->exe;
  return std::make_shared<const Program>(std::move(whole));
}

// A process that writes a title over its arguments leaves NULs behind it, which look like empty
// arguments at the end.
void ProcessReader::read_arguments(std::uint32_t pid, const std::string& thread,
                                   Program& program) const {
  const std::string path = root_ + "/proc/" + std::to_string(pid) + '/' + thread + "cmdline";
  const bool has_limit = most_arguments_ != SIZE_MAX;
  std::string text = read_text(path.c_str(), has_limit ? most_arguments_ + 1 : SIZE_MAX);
  program.arguments_truncated = text.size() > most_arguments_;
  if (program.arguments_truncated) text.resize(most_arguments_);
  std::vector<std::string>& arguments = program.arguments;
  arguments = split_arguments(text);
  if (program.arguments_truncated || arguments.size() < 2 || !arguments.back().empty() ||
      arguments.size() == count_arguments(pid, thread))
    return;
  while (arguments.size() > 1 && arguments.back().empty()) arguments.pop_back();
}

// The number of arguments that exec was given; 0: it cannot be read.
std::uint32_t ProcessReader::count_arguments(std::uint32_t pid, const std::string& thread) const {
  const auto stat = parse_proc_stat(text_of(pid, thread + "stat"));
  const std::string path = root_ + "/proc/" + std::to_string(pid) + '/' + thread + "mem";
  const Fd memory(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::uint32_t count = 0;
  if (!stat || !memory ||
      ::pread(memory.get(), &count, sizeof count, static_cast<off_t>(stat->start_stack)) !=
          sizeof count)
    return 0;
  return count;
}

std::shared_ptr<const ControlGroup> ProcessReader::read_cgroup(std::uint32_t pid,
                                                               std::uint64_t& number) {
  number = 0;
  const std::string text = text_of(pid, "cgroup");
  if (const auto second = find_cgroup2_path(text)) number = cgroups_.number_of(*second);
  const std::string path = parse_proc_cgroup(text);
  return path.empty() ? nullptr : group_of(path);
}

std::uint64_t ProcessReader::read_start_ns(std::uint32_t pid) const {
  const auto stat = parse_proc_stat(text_of(pid, "stat"));
  return stat ? host_boottime_ns(stat->start_ticks * tick_ns_) : 0;
}

std::uint32_t ProcessReader::read_threads(std::uint32_t pid) const {
  const auto stat = parse_proc_stat(text_of(pid, "stat"));
  return stat ? stat->threads : 0;
}

std::shared_ptr<const ControlGroup> ProcessReader::group_of(const std::string& path) {
  if (groups_.size() >= kMostGroups) groups_.clear();
  const auto [place, is_new] = groups_.try_emplace(path);
  if (is_new) {
    ControlGroup group = classify_control_group(path);
    name_container(group);
    place->second = std::make_shared<const ControlGroup>(std::move(group));
  }
  return place->second;
}

// Each runtime keeps the names in files that only root can read.
void ProcessReader::name_container(ControlGroup& group) const {
  const std::string& id = group.container_id;
  if (group.runtime == ContainerRuntime::kNone || id.empty()) return;
  const auto text = [this](const std::string& path) { return read_text((root_ + path).c_str()); };
  if (group.runtime == ContainerRuntime::kNspawn &&
      is_virtual_machine(text("/run/systemd/machines/" + id))) {
    group.runtime = ContainerRuntime::kNone;
    group.container_id.clear();
    return;
  }
  if (group.runtime == ContainerRuntime::kLxc || group.runtime == ContainerRuntime::kNspawn) {
    group.container_name = id;
    return;
  }
  struct Place {
    ContainerRuntime runtime;
    std::string path;
    std::string (*name)(std::string_view json, std::string_view id);
  };
  const auto oci = [](std::string_view json, std::string_view) { return oci_container_name(json); };
  const std::string task = "/run/containerd/io.containerd.runtime.v2.task/";
  const std::string k3s_task = "/run/k3s/containerd/io.containerd.runtime.v2.task/";
  const std::string storage = "/containers/storage/overlay-containers/";
  const Place places[] = {
      {ContainerRuntime::kDocker, "/var/lib/docker/containers/" + id + "/config.v2.json",
       [](std::string_view json, std::string_view) { return docker_container_name(json); }},
      {ContainerRuntime::kPodman, "/var/lib" + storage + "containers.json", podman_container_name},
      {ContainerRuntime::kContainerd, task + "k8s.io/" + id + "/config.json", oci},
      {ContainerRuntime::kContainerd, k3s_task + "k8s.io/" + id + "/config.json", oci},
      {ContainerRuntime::kContainerd, task + "default/" + id + "/config.json", oci},
      {ContainerRuntime::kCrio, "/run" + storage + id + "/userdata/config.json", oci},
  };
  for (const Place& place : places) {
    if (group.runtime != place.runtime && group.runtime != ContainerRuntime::kUnknown) continue;
    const std::string json = text(place.path);
    if (json.empty()) continue;
    const std::string name = place.name(json, id);
    if (name.empty()) continue;
    group.runtime = place.runtime;
    group.container_name = name;
    return;
  }
}

std::shared_ptr<const ControlGroup> ProcessReader::find_cgroup(std::uint64_t id) {
  if (id == 0) return nullptr;
  if (!paths_.contains(id)) {
    if (paths_.size() >= kMostGroups) paths_.clear();
    cgroups_.for_each([this](std::uint64_t number, const std::string& path) {
      paths_.try_emplace(number, path);
      return paths_.size() < kMostGroups;
    });
    // A missing cgroup is searched for only once: when its process is gone, it may be gone too.
    paths_.try_emplace(id);
  }
  const std::string& path = paths_[id];
  return path.empty() ? nullptr : group_of(path);
}

void ProcessReader::for_each_pid(const std::function<void(std::uint32_t)>& handle) const {
  const Directory entries(::opendir((root_ + "/proc").c_str()));
  if (!entries) return;
  while (const dirent* entry = ::readdir(entries.get())) {
    std::uint32_t pid = 0;
    const char* const end = entry->d_name + std::strlen(entry->d_name);
    const auto parsed = std::from_chars(static_cast<const char*>(entry->d_name), end, pid);
    if (parsed.ec == std::errc{} && parsed.ptr == end && pid != 0) handle(pid);
  }
}

}  // namespace sockscope
