// SPDX-License-Identifier: Apache-2.0
#include "decode/control_group.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

const std::string kId = "4c01db0b339c6b8a4e1e2a4a1b4b5c7d9e8f0123456789abcdef0123456789ab";
const std::string kOther(64, 'e');

struct Case {
  std::string path;
  ContainerRuntime runtime;
  std::string id;
  std::string unit;
  std::string pod;
};

// As the runtimes write them, with systemd's cgroup driver and without.
TEST(ClassifyControlGroup, Runtimes) {
  const std::string pod = "1b2c3d4e-0000-4111-8222-333344445555";
  const std::string pod_in_slice = "1b2c3d4e_0000_4111_8222_333344445555";
  const std::string slices =
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + pod_in_slice + ".slice/";
  using R = ContainerRuntime;
  const Case cases[] = {
      {"/", R::kNone, "", "", ""},
      {"", R::kNone, "", "", ""},
      {"/docker/" + kId, R::kDocker, kId, "", ""},
      {"/system.slice/docker-" + kId + ".scope", R::kDocker, kId, "docker-" + kId + ".scope", ""},
      {"/system.slice/docker-" + kId + ".scope/init.scope", R::kDocker, kId, "init.scope", ""},
      {"/machine.slice/libpod-" + kId + ".scope/container", R::kPodman, kId,
       "libpod-" + kId + ".scope", ""},
      {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope",
       R::kPodman, kId, "libpod-" + kId + ".scope", ""},
      {"/libpod_parent/libpod-" + kId, R::kPodman, kId, "", ""},
      {"/machine.slice/libpod-conmon-" + kId + ".scope", R::kNone, "",
       "libpod-conmon-" + kId + ".scope", ""},
      {slices + "cri-containerd-" + kId + ".scope", R::kContainerd, kId,
       "cri-containerd-" + kId + ".scope", pod},
      {"/kubepods/burstable/pod" + pod + "/" + kId, R::kUnknown, kId, "", pod},
      {"/kubepods/besteffort/pod" + std::string(32, 'f') + "/" + kId, R::kUnknown, kId, "",
       std::string(32, 'f')},
      {slices + "crio-" + kId + ".scope", R::kCrio, kId, "crio-" + kId + ".scope", pod},
      {slices + "crio-conmon-" + kId + ".scope", R::kNone, "", "crio-conmon-" + kId + ".scope",
       pod},
      {slices + "docker-" + kId + ".scope", R::kDocker, kId, "docker-" + kId + ".scope", pod},
      {"/system.slice/nerdctl-" + kId + ".scope", R::kContainerd, kId, "nerdctl-" + kId + ".scope",
       ""},
      {"/default/" + kId, R::kContainerd, kId, "", ""},
      {"/lxc/web", R::kLxc, "web", "", ""},
      {"/lxc.payload.web/system.slice/nginx.service", R::kLxc, "web", "nginx.service", ""},
      {"/lxc.monitor.web", R::kNone, "", "", ""},
      {"/docker/" + kId + "/docker/" + kOther, R::kDocker, kOther, "", ""},
      {"/system.slice/system-getty.slice/getty@tty1.service", R::kNone, "", "getty@tty1.service",
       ""},
      {"/user.slice/user-0.slice/session-3.scope", R::kNone, "", "session-3.scope", ""},
      {"/system.slice", R::kNone, "", "", ""},
      {"/docker/short", R::kNone, "", "", ""},
      {"/x/docker-" + kId.substr(1) + ".scope", R::kNone, "", "docker-" + kId.substr(1) + ".scope",
       ""},
      {"/kubepods/podnonsense/x", R::kNone, "", "", ""},
  };
  for (const Case& wanted : cases) {
    const ControlGroup group = classify_control_group(wanted.path);
    EXPECT_EQ(group.path, wanted.path);
    EXPECT_EQ(group.runtime, wanted.runtime) << wanted.path;
    EXPECT_EQ(group.container_id, wanted.id) << wanted.path;
    EXPECT_EQ(group.unit, wanted.unit) << wanted.path;
    EXPECT_EQ(group.pod_uid, wanted.pod) << wanted.path;
  }
}

TEST(ContainerNames, Docker) {
  EXPECT_EQ(docker_container_name(R"({"ID":"x","Name":"/web","Config":{}})"), "web");
  EXPECT_EQ(docker_container_name(R"({"Name":7})"), "");
  EXPECT_EQ(docker_container_name("[]"), "");
  EXPECT_EQ(docker_container_name("{"), "");
}

TEST(ContainerNames, Podman) {
  const std::string json = R"([{"id":"a","names":["one"]},{"id":"b","names":["two","three"]},)"
                           R"({"id":"c","names":[]},{"id":"d"},7])";
  EXPECT_EQ(podman_container_name(json, "b"), "two");
  EXPECT_EQ(podman_container_name(json, "c"), "");
  EXPECT_EQ(podman_container_name(json, "d"), "");
  EXPECT_EQ(podman_container_name(json, "e"), "");
}

TEST(ContainerNames, Oci) {
  EXPECT_EQ(oci_container_name(R"({"annotations":{"io.kubernetes.cri.container-name":"app",)"
                               R"("io.kubernetes.cri.sandbox-name":"web-7d",)"
                               R"("io.kubernetes.cri.sandbox-namespace":"prod"}})"),
            "prod/web-7d/app");
  EXPECT_EQ(
      oci_container_name(R"({"annotations":{"io.kubernetes.container.name":"app",)"
                         R"("io.kubernetes.pod.name":"p","io.kubernetes.pod.namespace":"n"}})"),
      "n/p/app");
  EXPECT_EQ(oci_container_name(R"({"annotations":{"nerdctl/name":"web"}})"), "web");
  EXPECT_EQ(oci_container_name(R"({"annotations":[]})"), "");
  EXPECT_EQ(oci_container_name("7"), "");
}

TEST(ContainerNames, DeepNestingIsNoHarm) {
  EXPECT_EQ(docker_container_name(std::string(1'000'000, '[')), "");
}

}  // namespace
}  // namespace sockscope
