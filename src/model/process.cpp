// SPDX-License-Identifier: Apache-2.0
#include <sockscope/process.h>

#include <cstring>

namespace sockscope {

std::string_view ProcessEvent::name() const noexcept {
  return {comm.data(), ::strnlen(comm.data(), comm.size())};
}

std::string_view SocketHolder::name() const noexcept {
  return {comm.data(), ::strnlen(comm.data(), comm.size())};
}

std::string_view ProcessInfo::name() const noexcept {
  return {comm.data(), ::strnlen(comm.data(), comm.size())};
}

std::string_view ProcessInfo::container() const noexcept {
  if (!cgroup) return "";
  if (!cgroup->container_name.empty()) return cgroup->container_name;
  const std::string_view id = cgroup->container_id;
  constexpr std::size_t kLong = 64;  // the length of an id; any other text is a name
  constexpr std::size_t kShort = 12;
  return id.size() == kLong ? id.substr(0, kShort) : id;
}

std::string_view to_string(ContainerRuntime runtime) noexcept {
  switch (runtime) {
    case ContainerRuntime::kDocker: return "docker";
    case ContainerRuntime::kPodman: return "podman";
    case ContainerRuntime::kContainerd: return "containerd";
    case ContainerRuntime::kCrio: return "cri-o";
    case ContainerRuntime::kLxc: return "lxc";
    case ContainerRuntime::kNspawn: return "systemd-nspawn";
    case ContainerRuntime::kBuildkit: return "buildkit";
    case ContainerRuntime::kUnknown: return "unknown";
    case ContainerRuntime::kNone: break;
  }
  return "";
}

std::string_view to_string(ProcessEventKind kind) noexcept {
  switch (kind) {
    case ProcessEventKind::kFork: return "fork";
    case ProcessEventKind::kExec: return "exec";
    case ProcessEventKind::kUid: return "uid";
    case ProcessEventKind::kGid: return "gid";
    case ProcessEventKind::kSid: return "sid";
    case ProcessEventKind::kPtrace: return "ptrace";
    case ProcessEventKind::kComm: return "comm";
    case ProcessEventKind::kCoredump: return "coredump";
    case ProcessEventKind::kExit: return "exit";
    case ProcessEventKind::kUnknown: break;
  }
  return "unknown";
}

}  // namespace sockscope
