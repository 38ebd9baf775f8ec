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
  std::string container_unit = {};
};

// Paths as the runtimes make them, with and without systemd's cgroup driver.
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
      {"/system.slice/docker-" + kId + ".scope/init.scope", R::kDocker, kId,
       "docker-" + kId + ".scope", "", "init.scope"},
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
      {"/lxc.payload.web/system.slice/nginx.service", R::kLxc, "web", "", "", "nginx.service"},
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
      // kubelet names it for systemd's driver, but runc is configured without that.
      {"/system.slice/containerd.service/kubepods-burstable-pod" + pod_in_slice +
           ".slice:cri-containerd:" + kId,
       R::kContainerd, kId, "containerd.service", pod},
      {"/kubepods-besteffort-pod" + pod_in_slice + ".slice:cri-containerd:" + kId, R::kContainerd,
       kId, "", pod},
      {"/system.slice:docker:" + kId, R::kDocker, kId, "", ""},
      {"/machine.slice:libpod:" + kId, R::kPodman, kId, "", ""},
      {"/a:b:c", R::kNone, "", "", ""},
      // kind: each node is itself a container.
      {"/system.slice/docker-" + kOther +
           ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
           "kubelet-kubepods-burstable-pod" +
           pod_in_slice + ".slice/cri-containerd-" + kId + ".scope",
       R::kContainerd, kId, "docker-" + kOther + ".scope", pod},
      {"/docker/" + kOther + "/kubelet/kubepods/besteffort/pod" + pod + "/" + kId, R::kUnknown, kId,
       "", pod},
      {"/docker/" + kOther + "/kubelet.slice/kubelet.service", R::kDocker, kOther, "", "",
       "kubelet.service"},
      {"/kubelet-kubepods-pod" + pod_in_slice + ".slice/crio-" + kId + ".scope/container", R::kCrio,
       kId, "crio-" + kId + ".scope", pod},
      {"/docker/" + kOther + "/x.slice/crio-conmon-" + kId + ".scope", R::kDocker, kOther, "", "",
       "crio-conmon-" + kId + ".scope"},
      {"/machine.slice/systemd-nspawn@web.service", R::kNspawn, "web", "systemd-nspawn@web.service",
       ""},
      {"/machine.slice/systemd-nspawn@web\\x2d1.service/payload/system.slice/nginx.service",
       R::kNspawn, "web-1", "systemd-nspawn@web\\x2d1.service", "", "nginx.service"},
      {"/machine.slice/systemd-nspawn@web.service/supervisor", R::kNone, "",
       "systemd-nspawn@web.service", ""},
      {"/machine.slice/machine-web.scope/payload/init.scope", R::kNspawn, "web",
       "machine-web.scope", "", "init.scope"},
      {"/machine.slice/machine-web.scope/supervisor", R::kNone, "", "machine-web.scope", ""},
      {"/machine.slice/container@db.service/payload/system.slice/x.service", R::kNspawn, "db",
       "container@db.service", "", "x.service"},
      {"/machine.slice/machine-qemu\\x2d3\\x2dguest.scope/libvirt/vcpu0", R::kNone, "",
       "machine-qemu\\x2d3\\x2dguest.scope", ""},
      {"/machine.slice/machine-lxc\\x2d4711\\x2dbox.scope", R::kLxc, "box",
       "machine-lxc\\x2d4711\\x2dbox.scope", ""},
      {"/system.slice/app.service/libpod-payload-" + kId, R::kPodman, kId, "app.service", ""},
      {"/system.slice/app.service/runtime", R::kNone, "", "app.service", ""},
      {"/libpod_parent/conmon", R::kNone, "", "", ""},
      {"/machine.slice/machine-libpod_pod_" + kOther + ".slice/libpod-" + kId + ".scope/container",
       R::kPodman, kId, "libpod-" + kId + ".scope", ""},
      {"/machine.slice/machine-..\\x2f..\\x2fetc.scope", R::kNone, "",
       "machine-..\\x2f..\\x2fetc.scope", ""},
      {"/buildah-buildah659038556", R::kUnknown, "buildah659038556", "", ""},
      {"/user.slice/user-1.slice/user@1.service/buildah-buildah65-1629.scope", R::kUnknown,
       "buildah65-1629", "buildah-buildah65-1629.scope", ""},
      {"/system.slice/runc-test.scope", R::kUnknown, "test", "runc-test.scope", ""},
      {"/system.slice/runc-test.service", R::kNone, "", "runc-test.service", ""},
      {"/docker/buildkit/k8s6qfy2pu8ktmk3ltsu1hjl5", R::kBuildkit, "k8s6qfy2pu8ktmk3ltsu1hjl5", "",
       ""},
      {"/system.slice/docker-k8s6qfy2pu8ktmk3ltsu1hjl5.scope", R::kBuildkit,
       "k8s6qfy2pu8ktmk3ltsu1hjl5", "docker-k8s6qfy2pu8ktmk3ltsu1hjl5.scope", ""},
      {"/default/redis", R::kContainerd, "redis", "", ""},
      {"/system.slice/default/redis", R::kNone, "", "", ""},
      {"/lxc/100/ns/system.slice/ssh.service", R::kLxc, "100", "", "", "ssh.service"},
      {"/lxc.monitor/100", R::kNone, "", "", ""},
      {"/lxc/lxc.payload.web", R::kLxc, "web", "", ""},
      {"/lxc/lxc.monitor.web", R::kNone, "", "", ""},
      {"/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", R::kNone, "",
       "x.service", ""},
  };
  for (const Case& wanted : cases) {
    const ControlGroup group = classify_control_group(wanted.path);
    EXPECT_EQ(group.path, wanted.path);
    EXPECT_EQ(group.runtime, wanted.runtime) << wanted.path;
    EXPECT_EQ(group.container_id, wanted.id) << wanted.path;
    EXPECT_EQ(group.unit, wanted.unit) << wanted.path;
    EXPECT_EQ(group.pod_uid, wanted.pod) << wanted.path;
    EXPECT_EQ(group.container_unit, wanted.container_unit) << wanted.path;
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
