// SPDX-License-Identifier: Apache-2.0
#include "decode/control_group.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

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

// An id of a BuildKit build step: lower-case letters and digits.
bool is_build_id(std::string_view text) {
  constexpr std::size_t kBuildIdLength = 25;
  return text.size() == kBuildIdLength && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
         });
}

struct Prefix {
  std::string_view text;
  ContainerRuntime runtime;
};
// "PREFIX-ID.scope" with systemd's cgroup driver, "PREFIX-ID" without it, and "SLICE:PREFIX:ID"
// where the program that chose the name used systemd's driver and the one that made the cgroup did
// not.
constexpr std::array kPrefixes{
    Prefix{"docker", ContainerRuntime::kDocker},
    Prefix{"libpod", ContainerRuntime::kPodman},
    Prefix{"libpod-payload", ContainerRuntime::kPodman},
    Prefix{"cri-containerd", ContainerRuntime::kContainerd},
    Prefix{"nerdctl", ContainerRuntime::kContainerd},
    Prefix{"containerd", ContainerRuntime::kContainerd},
    Prefix{"crio", ContainerRuntime::kCrio},
};
// Used by hand or by builders; their containers may have any name.
constexpr std::array<std::string_view, 4> kNamedPrefixes{"runc", "crun", "youki", "buildah"};

struct Container {
  ContainerRuntime runtime = ContainerRuntime::kNone;
  std::string id;
};

// "pod1b2c…" or "kubepods-burstable-pod1b2c_….slice": in systemd's names a dash separates slices,
// so the pod's dashes are written as "_".
std::string pod_of(std::string_view component) {
  if (const std::size_t at = component.find(".slice:"); at != std::string_view::npos)
    component = component.substr(0, at + std::string_view(".slice").size());
  if (remove_suffix(component, ".slice")) {
    const std::size_t at = component.rfind("-pod");
    if (component.find("kubepods") >= at) return {};
    component.remove_prefix(at + 1);
  }
  if (!remove_prefix(component, "pod")) return {};
  std::string uid(component);
  std::replace(uid.begin(), uid.end(), '_', '-');
  // A UUID or, for a static pod, the hash of its manifest.
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

std::optional<Container> container_of_prefix(std::string_view name, std::string_view id,
                                             bool is_scope) {
  for (const Prefix& prefix : kPrefixes) {
    if (name != prefix.text) continue;
    if (is_container_id(id)) return Container{prefix.runtime, std::string(id)};
    if (name == "docker" && is_build_id(id))
      return Container{ContainerRuntime::kBuildkit, std::string(id)};
    return std::nullopt;
  }
  const bool is_named =
      std::find(kNamedPrefixes.begin(), kNamedPrefixes.end(), name) != kNamedPrefixes.end();
  if (is_named && is_scope && !id.empty())
    return Container{ContainerRuntime::kUnknown, std::string(id)};
  return std::nullopt;
}

// Decodes systemd's names, where "\x2d" is a dash. "": the result could not be a file name.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* const digits = text.data() + i + 2;
    if (text.substr(i).size() >= 4 && text.substr(i, 2) == "\\x" &&
        std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain.find('/') == std::string::npos ? plain : std::string();
}

// A machine of systemd-nspawn: it runs as a unit of the host or registers a scope, and NixOS has
// its own template. The scopes of libvirt's virtual machines, which are not containers, begin with
// the driver's name.
std::optional<Container> machine_of(std::string_view component) {
  std::string_view name = component;
  if ((remove_prefix(name, "systemd-nspawn@") || remove_prefix(name, "container@")) &&
      remove_suffix(name, ".service") && !unescaped(name).empty())
    return Container{ContainerRuntime::kNspawn, unescaped(name)};
  name = component;
  if (!remove_prefix(name, "machine-") || !remove_suffix(name, ".scope")) return std::nullopt;
  std::string plain = unescaped(name);
  if (plain.empty()) return std::nullopt;
  for (const std::string_view driver : {"qemu-", "xen-", "bhyve-", "ch-"})
    if (plain.starts_with(driver) && plain.size() > driver.size() && plain[driver.size()] >= '0' &&
        plain[driver.size()] <= '9')
      return std::nullopt;
  if (plain.starts_with("lxc-")) {  // libvirt's: "lxc-PID-NAME"
    const std::size_t dash = plain.find('-', 4);
    if (dash != std::string::npos && dash > 4 && plain.find_first_not_of("0123456789", 4) == dash)
      return Container{ContainerRuntime::kLxc, plain.substr(dash + 1)};
  }
  return Container{ContainerRuntime::kNspawn, std::move(plain)};
}

// The container that a component of a path stands for. `before`: the component before it; `depth`:
// its place in the path, from 1.
std::optional<Container> container_of(std::string_view component, std::string_view before,
                                      int depth) {
  using enum ContainerRuntime;
  std::string_view id = component;
  if (id.starts_with("lxc.monitor.") || id.starts_with("lxc.pivot")) return std::nullopt;
  if (remove_prefix(id, "lxc.payload.") || before == "lxc" || before == "lxc.payload")
    return Container{kLxc, std::string(id)};
  if (auto machine = machine_of(component)) return machine;
  const bool is_scope = remove_suffix(id, ".scope");
  // The form "SLICE:PREFIX:ID".
  const std::size_t colon = id.find(':');
  const std::size_t second = colon == std::string_view::npos ? colon : id.find(':', colon + 1);
  if (second != std::string_view::npos) {
    const std::string_view name = id.substr(colon + 1, second - colon - 1);
    id = id.substr(second + 1);
    if (auto found = container_of_prefix(name, id, true)) return found;
  }
  for (std::size_t dash = id.find('-'); dash != std::string_view::npos;
       dash = id.find('-', dash + 1)) {
    // Without systemd's driver, Buildah's names are "buildah-buildahNUMBER".
    const bool is_builders = id.starts_with("buildah-buildah");
    if (auto found =
            container_of_prefix(id.substr(0, dash), id.substr(dash + 1), is_scope || is_builders))
      return found;
  }
  if (before == "buildkit") return Container{kBuildkit, std::string(id)};
  // containerd's own namespaces of containers. With `ctr` users choose any name.
  const bool is_containerds = before == "default" || before == "k8s.io" || before == "moby";
  if (is_containerds && depth == 2) return Container{kContainerd, std::string(id)};
  if (!is_container_id(id)) return std::nullopt;
  if (before == "docker") return Container{kDocker, std::string(id)};
  if (before == "libpod_parent") return Container{kPodman, std::string(id)};
  if (is_containerds) return Container{kContainerd, std::string(id)};
  // Without systemd's driver a pod's containers are bare ids, whichever runtime made them.
  return Container{kUnknown, std::string(id)};
}

std::string text_of(const rapidjson::Value& object, const char* key) {
  if (!object.IsObject()) return {};
  const auto member = object.FindMember(key);
  if (member == object.MemberEnd() || !member->value.IsString()) return {};
  return {member->value.GetString(), member->value.GetStringLength()};
}

// Parses without recursion: text from a container may be nested to any depth.
bool parse(std::string_view json, rapidjson::Document& document) {
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  return !document.HasParseError();
}

}  // namespace

ControlGroup classify_control_group(std::string_view path) {
  ControlGroup group;
  group.path = path;
  Container inside;
  Container outside;  // the container that contains `inside`
  std::string_view before;
  for (int depth = 1; !path.empty();) {
    const std::size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (component.empty()) continue;
    const bool was_inside = inside.runtime != ContainerRuntime::kNone;
    if (std::string pod = pod_of(component); !pod.empty()) group.pod_uid = std::move(pod);
    if (auto found = container_of(component, before, depth)) {
      outside = std::exchange(inside, *std::move(found));
      group.container_unit.clear();
      if (!was_inside && is_unit(component)) group.unit = component;
    } else if (component == "supervisor" && inside.runtime == ContainerRuntime::kNspawn &&
               machine_of(before)) {
      inside = outside;  // systemd-nspawn itself runs here
    } else if (is_unit(component)) {
      (was_inside ? group.container_unit : group.unit) = component;
    }
    before = component;
    ++depth;
  }
  group.runtime = inside.runtime;
  group.container_id = std::move(inside.id);
  return group;
}

bool is_virtual_machine(std::string_view registration) {
  return registration.starts_with("CLASS=vm\n") ||
         registration.find("\nCLASS=vm\n") != std::string_view::npos;
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
