// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "decode/control_group.h"
#include "decode/proc_pid.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(parse_proc_stat(text));
  static_cast<void>(parse_proc_status(text));
  if (join_arguments(split_arguments(text)).find('\0') != std::string::npos) __builtin_trap();
  const ControlGroup group = classify_control_group(parse_proc_cgroup(text));
  if (!group.path.empty() && group.path[0] != '/') __builtin_trap();
  static_cast<void>(parse_namespace_link(text));
  static_cast<void>(docker_container_name(text));
  static_cast<void>(podman_container_name(text, "x"));
  static_cast<void>(oci_container_name(text));
  return 0;
}
