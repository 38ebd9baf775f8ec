// SPDX-License-Identifier: Apache-2.0
// What a cgroup's path stands for, and what container runtimes write of their containers. Pure; any
// bytes are allowed.
#pragma once

#include <sockscope/process.h>

#include <string>
#include <string_view>

namespace sockscope {

// systemd's unit, the container and the Kubernetes pod, by the names that systemd, Docker,
// BuildKit, Podman, containerd, CRI-O, LXC and systemd-nspawn give. The innermost container counts;
// the unit is the outermost systemd's. A runtime's own processes (conmon, LXC's monitor, nspawn's
// supervisor) are in none.
ControlGroup classify_control_group(std::string_view path);

// Whether what systemd-machined wrote of a machine says that it is no container.
bool is_virtual_machine(std::string_view registration);

// The container's name in Docker's config.v2.json; "" when there is none.
std::string docker_container_name(std::string_view json);

// In the containers.json of containers/storage (Podman).
std::string podman_container_name(std::string_view json, std::string_view id);

// In the annotations of an OCI config.json, as CRI-O, containerd's CRI plugin and nerdctl write
// them. Of a Kubernetes container "namespace/pod/container".
std::string oci_container_name(std::string_view json);

}  // namespace sockscope
