// SPDX-License-Identifier: Apache-2.0
#include "decode/control_group.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <optional>

namespace sockscope {
namespace {

constexpr std::size_t kIdLength = 64;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_container_id(std::string_view text) {
  return text.size() == kIdLength && std::all_of(text.begin(), text.end(), is_hex);
}

bool remove_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool remove_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

struct Prefix {
  std::string_view text;
  ContainerRuntime runtime;
};
// With systemd's cgroup driver "PREFIX-ID.scope", some without it too.
constexpr std::array kPrefixes{
    Prefix{"docker-", ContainerRuntime::kDocker},
    Prefix{"libpod-", ContainerRuntime::kPodman},
    Prefix{"cri-containerd-", ContainerRuntime::kContainerd},
    Prefix{"nerdctl-", ContainerRuntime::kContainerd},
    Prefix{"containerd-", ContainerRuntime::kContainerd},
    Prefix{"crio-", ContainerRuntime::kCrio},
};
constexpr std::string_view kLxcPayload = "lxc.payload.";

// "pod1b2c…" or "kubepods-burstable-pod1b2c_….slice": systemd's names have no dash to spare.
std::string pod_of(std::string_view component) {
  if (remove_suffix(component, ".slice")) {
    const std::size_t at = component.rfind("-pod");
    if (!component.starts_with("kubepods") || at == std::string_view::npos) return {};
    component.remove_prefix(at + 1);
  }
  if (!remove_prefix(component, "pod")) return {};
  std::string uid(component);
  std::replace(uid.begin(), uid.end(), '_', '-');
  // A UUID, or of a static pod the hash of its manifest.
  const bool fits =
      (uid.size() == 36 || uid.size() == 32) &&
      std::all_of(uid.begin(), uid.end(), [](char c) { return is_hex(c) || c == '-'; });
  return fits ? uid : std::string();
}

bool is_unit(std::string_view component) {
  for (const std::string_view suffix : {".service", ".scope", ".socket", ".mount", ".swap"})
    if (component.size() > suffix.size() && component.ends_with(suffix)) return true;
  return false;
}

// The container that a component of a path stands for. `before`: the component before it.
std::optional<Prefix> container_of(std::string_view component, std::string_view before,
                                   std::string_view& id) {
  id = component;
  if (remove_prefix(id, kLxcPayload)) return Prefix{"", ContainerRuntime::kLxc};
  id = component;
  if (before == "lxc" && !id.empty()) return Prefix{"", ContainerRuntime::kLxc};
  remove_suffix(id, ".scope");
  for (const Prefix& prefix : kPrefixes) {
    std::string_view rest = id;
    if (!remove_prefix(rest, prefix.text) || !is_container_id(rest)) continue;
    id = rest;
    return prefix;
  }
  if (!is_container_id(id)) return std::nullopt;
  if (before == "docker") return Prefix{"", ContainerRuntime::kDocker};
  if (before == "libpod_parent") return Prefix{"", ContainerRuntime::kPodman};
  // containerd's own namespaces of containers.
  if (before == "default" || before == "k8s.io" || before == "moby" || before == "buildkit")
    return Prefix{"", ContainerRuntime::kContainerd};
  // Without systemd's driver a pod's containers are bare ids, whatever runs them.
  return Prefix{"", ContainerRuntime::kUnknown};
}

// A runtime's own watcher beside a container.
bool is_helper(std::string_view component) {
  return component.starts_with("libpod-conmon-") || component.starts_with("crio-conmon-") ||
         component.starts_with("lxc.monitor.");
}

std::string text_of(const rapidjson::Value& object, const char* key) {
  if (!object.IsObject()) return {};
  const auto member = object.FindMember(key);
  if (member == object.MemberEnd() || !member->value.IsString()) return {};
  return {member->value.GetString(), member->value.GetStringLength()};
}

// Without recursion: what a container writes may be nested as deep as it likes.
bool parse(std::string_view json, rapidjson::Document& document) {
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  return !document.HasParseError();
}

}  // namespace

ControlGroup classify_control_group(std::string_view path) {
  ControlGroup group;
  group.path = path;
  std::string_view before;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (component.empty()) continue;
    if (is_unit(component)) group.unit = component;
    if (std::string pod = pod_of(component); !pod.empty()) group.pod_uid = std::move(pod);
    std::string_view id;
    if (is_helper(component)) {
      group.runtime = ContainerRuntime::kNone;
      group.container_id.clear();
    } else if (const auto found = container_of(component, before, id)) {
      group.runtime = found->runtime;
      group.container_id = id;
    }
    before = component;
  }
  return group;
}

std::string docker_container_name(std::string_view json) {
  rapidjson::Document document;
  if (!parse(json, document)) return {};
  std::string name = text_of(document, "Name");
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

std::string podman_container_name(std::string_view json, std::string_view id) {
  rapidjson::Document document;
  if (!parse(json, document) || !document.IsArray()) return {};
  for (const rapidjson::Value& container : document.GetArray()) {
    if (text_of(container, "id") != id) continue;
    const auto names = container.FindMember("names");
    if (names == container.MemberEnd() || !names->value.IsArray() || names->value.Empty() ||
        !names->value[0].IsString())
      return {};
    return {names->value[0].GetString(), names->value[0].GetStringLength()};
  }
  return {};
}

std::string oci_container_name(std::string_view json) {
  rapidjson::Document document;
  if (!parse(json, document) || !document.IsObject()) return {};
  const auto found = document.FindMember("annotations");
  if (found == document.MemberEnd()) return {};
  const rapidjson::Value& notes = found->value;
  struct Keys {
    const char *container, *pod, *space;
  };
  static constexpr Keys kKeys[] = {
      {"io.kubernetes.cri.container-name", "io.kubernetes.cri.sandbox-name",
       "io.kubernetes.cri.sandbox-namespace"},
      {"io.kubernetes.container.name", "io.kubernetes.pod.name", "io.kubernetes.pod.namespace"},
  };
  for (const Keys& keys : kKeys) {
    const std::string pod = text_of(notes, keys.pod);
    if (pod.empty()) continue;
    const std::string container = text_of(notes, keys.container);
    return text_of(notes, keys.space) + '/' + pod + (container.empty() ? "" : '/' + container);
  }
  return text_of(notes, "nerdctl/name");
}

}  // namespace sockscope
