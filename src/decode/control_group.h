// SPDX-License-Identifier: Apache-2.0
// What a cgroup's path stands for, and what container runtimes write of their containers. Pure; any
// bytes are allowed.
#pragma once

#include <sockscope/process.h>

#include <string>
#include <string_view>

namespace sockscope {

// systemd's unit, the container and the Kubernetes pod, by the names that systemd, Docker, Podman,
// containerd, CRI-O and LXC give. The innermost container counts. The runtime's own helper
// processes (conmon, LXC's monitor) are in none.
ControlGroup classify_control_group(std::string_view path);

// The container's name in Docker's config.v2.json; "" when there is none.
std::string docker_container_name(std::string_view json);

// In the containers.json of containers/storage (Podman).
std::string podman_container_name(std::string_view json, std::string_view id);

// In the annotations of an OCI config.json, as CRI-O, containerd's CRI plugin and nerdctl write
// them. Of a Kubernetes container "namespace/pod/container".
std::string oci_container_name(std::string_view json);

}  // namespace sockscope
