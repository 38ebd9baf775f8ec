// SPDX-License-Identifier: Apache-2.0
// What a cgroup's path stands for, and what container runtimes store about their containers. Pure;
// accepts any bytes.
#pragma once

#include <sockscope/process.h>

#include <string>
#include <string_view>

namespace sockscope {

// The systemd unit, the container and the Kubernetes pod of a cgroup, recognised by the names that
// systemd, Docker, BuildKit, Podman, containerd, CRI-O, LXC and systemd-nspawn give. It is the
// innermost container, and the unit of the outermost systemd. A runtime's own processes (conmon,
// LXC's monitor, nspawn's supervisor) belong to no container.
ControlGroup classify_control_group(std::string_view path);

// Whether systemd-machined's file about a machine says that it is a virtual machine.
bool is_virtual_machine(std::string_view registration);

// The container's name in Docker's config.v2.json; "" when there is none.
std::string docker_container_name(std::string_view json);

// The same in the containers.json of containers/storage (Podman).
std::string podman_container_name(std::string_view json, std::string_view id);

// The same in the annotations of an OCI config.json, as written by CRI-O, containerd's CRI plugin
// and nerdctl. For a Kubernetes container: "namespace/pod/container".
std::string oci_container_name(std::string_view json);

}  // namespace sockscope
