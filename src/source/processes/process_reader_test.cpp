// SPDX-License-Identifier: Apache-2.0
#include "source/processes/process_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace sockscope {
namespace {

const std::string kId = "4c01db0b339c6b8a4e1e2a4a1b4b5c7d9e8f0123456789abcdef0123456789ab";

// A tree like a host's, below a directory of its own.
class ProcessReaderTest : public testing::Test {
 protected:
  ProcessReaderTest() {
    char name[] = "/tmp/sockscope-reader-XXXXXX";
    root_ = ::mkdtemp(name);
    put("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
  }
  ~ProcessReaderTest() override { std::filesystem::remove_all(root_); }

  void put(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = root_ + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  void put_process(int pid, const std::string& cgroup) {
    const std::string at = "/proc/" + std::to_string(pid);
    put(at + "/stat",
        std::to_string(pid) + " (a) b) S 7 1 9 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 12345 0 0");
    put(at + "/status",
        "Name:\ta\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNSpid:\t" + std::to_string(pid) + "\t3\n");
    put(at + "/cmdline", std::string("prog\0-x\0", 8));
    put(at + "/cgroup", "0::" + cgroup + "\n");
    std::filesystem::create_directories(root_ + at + "/ns");
    std::filesystem::create_symlink("net:[4026531999]", root_ + at + "/ns/net");
    std::filesystem::create_symlink("/usr/bin/prog", root_ + at + "/exe");
  }
  ControlGroup group_of(const std::string& cgroup) {
    put_process(++pid_, cgroup);
    std::uint64_t number = 0;
    const auto group = ProcessReader(root_).read_cgroup(static_cast<std::uint32_t>(pid_), number);
    return group ? *group : ControlGroup();
  }

  std::string root_;
  int pid_ = 100;
};

TEST_F(ProcessReaderTest, EveryField) {
  put_process(42, "/system.slice/x.service");
  const auto info = ProcessReader(root_).read(42);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->pid, 42u);
  EXPECT_EQ(info->name(), "a) b");
  EXPECT_EQ(info->parent_pid, 7u);
  EXPECT_EQ(info->session, 9u);
  EXPECT_EQ(info->start_ns, 12345 * (std::uint64_t{1'000'000'000} /
                                     static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK))));
  EXPECT_EQ(info->uid, 2u);
  EXPECT_EQ(info->gid, 6u);
  EXPECT_EQ(info->inner_pid, 3u);
  EXPECT_EQ(info->netns, 4026531999u);
  EXPECT_EQ(info->exe(), "/usr/bin/prog");
  EXPECT_EQ(info->cmdline(), "prog -x");
  EXPECT_EQ(info->unit(), "x.service");
}

// After setproctitle(3) with shorter text, the rest looks like empty arguments; the count on the
// stack shows how many there really are.
TEST_F(ProcessReaderTest, ATitleIsOneArgument) {
  using List = std::vector<std::string>;
  put_process(42, "/");
  constexpr std::uint32_t kStack = 4096;
  put("/proc/42/stat", "42 (a) S 7 1 9 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 12345 0 0 0 0 0 " +
                           std::to_string(kStack) + " 0");
  const auto put_count = [this](char count) {
    put("/proc/42/mem", std::string(kStack, 'x') + count + std::string(3, '\0'));
  };
  const ProcessReader reader(root_);
  put("/proc/42/cmdline", std::string("nginx: master\0\0\0\0", 17));
  put_count(3);
  EXPECT_EQ(reader.read_program(42)->arguments, List{"nginx: master"});
  put_count(4);
  EXPECT_EQ(reader.read_program(42)->arguments, (List{"nginx: master", "", "", ""}));
  std::filesystem::remove(root_ + "/proc/42/mem");
  EXPECT_EQ(reader.read_program(42)->arguments, List{"nginx: master"});
  EXPECT_EQ(reader.read_program(42)->cmdline, "nginx: master");
}

TEST_F(ProcessReaderTest, ArgumentsWithoutEndAreCut) {
  using List = std::vector<std::string>;
  put_process(42, "/");
  const std::string argument(3000, 'a');
  put("/proc/42/cmdline", argument + '\0' + argument + '\0');
  const auto cut = ProcessReader(root_).read_program(42);
  EXPECT_TRUE(cut->arguments_truncated);
  EXPECT_EQ(cut->arguments, (List{argument, argument.substr(0, 4096 - 3001)}));
  const auto whole = ProcessReader(root_, SIZE_MAX).read_program(42);
  EXPECT_FALSE(whole->arguments_truncated);
  EXPECT_EQ(whole->arguments, (List{argument, argument}));
  const auto exact = ProcessReader(root_, 6002).read_program(42);
  EXPECT_FALSE(exact->arguments_truncated);
}

TEST_F(ProcessReaderTest, TheRestOfAProgramIsReadWhileItIsTheSame) {
  put_process(42, "/");
  const ProcessReader reader(root_);
  const std::uint64_t start_ns = reader.read_start_ns(42) + 7;  // exact to the nanosecond
  const auto told = std::make_shared<const Program>(Program{"", "prog", "./prog", {"prog"}, true});
  const auto whole = reader.read_rest(42, start_ns, told);
  EXPECT_EQ(*whole, (Program{"/usr/bin/prog", "prog -x", "./prog", {"prog", "-x"}, false}));
  EXPECT_EQ(reader.read_rest(42, start_ns, whole), whole);
  EXPECT_EQ(reader.read_rest(42, start_ns + 1'000'000'000, told), told);
  EXPECT_EQ(reader.read_rest(43, start_ns, told), told);
  const auto other = std::make_shared<const Program>(Program{"", "else", "./else", {"else"}, true});
  EXPECT_EQ(reader.read_rest(42, start_ns, other), other);
}

TEST_F(ProcessReaderTest, TheFirstThreadHasEnded) {
  put_process(42, "/");
  for (const char* file : {"/exe", "/ns/net"}) std::filesystem::remove(root_ + "/proc/42" + file);
  put("/proc/42/cmdline", "");
  std::filesystem::create_directories(root_ + "/proc/42/task/42");
  put("/proc/42/task/43/cmdline", std::string("prog\0-y\0", 8));
  std::filesystem::create_symlink("/usr/bin/prog", root_ + "/proc/42/task/43/exe");
  std::filesystem::create_directories(root_ + "/proc/42/task/43/ns");
  std::filesystem::create_symlink("net:[4026531999]", root_ + "/proc/42/task/43/ns/net");
  const auto info = ProcessReader(root_).read(42);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->exe(), "/usr/bin/prog");
  EXPECT_EQ(info->cmdline(), "prog -y");
  EXPECT_EQ(info->netns, 4026531999u);
}

TEST_F(ProcessReaderTest, OneThatIsGone) {
  ProcessReader reader(root_);
  EXPECT_FALSE(reader.read(42));
  EXPECT_EQ(reader.read_start_ns(42), 0u);
  EXPECT_EQ(reader.read_program(42), nullptr);
  std::uint64_t number = 1;
  EXPECT_EQ(reader.read_cgroup(42, number), nullptr);
  EXPECT_EQ(number, 0u);
}

TEST_F(ProcessReaderTest, AllNumbers) {
  put_process(42, "/");
  put_process(7, "/");
  put("/proc/12x/stat", "");
  put("/proc/net/tcp", "");
  std::set<std::uint32_t> pids;
  ProcessReader(root_).for_each_pid([&](std::uint32_t pid) { pids.insert(pid); });
  EXPECT_EQ(pids, (std::set<std::uint32_t>{7, 42}));
}

TEST_F(ProcessReaderTest, NamesOfContainersFromTheRuntimesFiles) {
  put("/var/lib/docker/containers/" + kId + "/config.v2.json", R"({"Name":"/web"})");
  ControlGroup group = group_of("/system.slice/docker-" + kId + ".scope");
  EXPECT_EQ(group.runtime, ContainerRuntime::kDocker);
  EXPECT_EQ(group.container_name, "web");

  put("/var/lib/containers/storage/overlay-containers/containers.json",
      R"([{"id":")" + kId + R"(","names":["db"]}])");
  EXPECT_EQ(group_of("/machine.slice/libpod-" + kId + ".scope").container_name, "db");

  const std::string task = "/run/containerd/io.containerd.runtime.v2.task/";
  put(task + "k8s.io/" + kId + "/config.json",
      R"({"annotations":{"io.kubernetes.cri.container-name":"app",)"
      R"("io.kubernetes.cri.sandbox-name":"pod","io.kubernetes.cri.sandbox-namespace":"ns"}})");
  EXPECT_EQ(group_of("/x/cri-containerd-" + kId + ".scope").container_name, "ns/pod/app");

  put("/run/containers/storage/overlay-containers/" + kId + "/userdata/config.json",
      R"({"annotations":{"io.kubernetes.container.name":"c","io.kubernetes.pod.name":"p",)"
      R"("io.kubernetes.pod.namespace":"n"}})");
  EXPECT_EQ(group_of("/x/crio-" + kId + ".scope").container_name, "n/p/c");

  EXPECT_EQ(group_of("/lxc/box").container_name, "box");

  // systemd-machined's files show which machines are not containers.
  put("/run/systemd/machines/web", "NAME=web\nCLASS=container\nSCOPE=machine-web.scope\n");
  put("/run/systemd/machines/guest", "NAME=guest\nCLASS=vm\nSCOPE=machine-guest.scope\n");
  EXPECT_EQ(group_of("/machine.slice/machine-web.scope/payload").container_name, "web");
  EXPECT_EQ(group_of("/machine.slice/machine-guest.scope").runtime, ContainerRuntime::kNone);
  EXPECT_EQ(group_of("/machine.slice/machine-guest.scope").container_id, "");
}

// A bare id below a pod belongs to the runtime that has a file for it.
TEST_F(ProcessReaderTest, ABareIdIsOfTheRuntimeThatKnowsIt) {
  const std::string path = "/kubepods/pod1b2c3d4e-0000-4111-8222-333344445555/" + kId;
  EXPECT_EQ(group_of(path).runtime, ContainerRuntime::kUnknown);
  put("/run/containers/storage/overlay-containers/" + kId + "/userdata/config.json",
      R"({"annotations":{"io.kubernetes.container.name":"c","io.kubernetes.pod.name":"p",)"
      R"("io.kubernetes.pod.namespace":"n"}})");
  EXPECT_EQ(group_of(path).runtime, ContainerRuntime::kCrio);
}

TEST_F(ProcessReaderTest, ACgroupByItsNumber) {
  std::filesystem::create_directories(root_ + "/sys/fs/cgroup/system.slice/nginx.service");
  struct stat status {};
  ASSERT_EQ(::stat((root_ + "/sys/fs/cgroup/system.slice/nginx.service").c_str(), &status), 0);
  ProcessReader reader(root_);
  ASSERT_NE(reader.find_cgroup(status.st_ino), nullptr);
  EXPECT_EQ(reader.find_cgroup(status.st_ino)->unit, "nginx.service");
  EXPECT_EQ(reader.find_cgroup(1), nullptr);
  EXPECT_EQ(reader.find_cgroup(0), nullptr);
  EXPECT_EQ(reader.find_cgroup(status.st_ino)->path, "/system.slice/nginx.service");
  put_process(42, "/system.slice/nginx.service");
  std::uint64_t number = 0;
  EXPECT_EQ(reader.read_cgroup(42, number)->unit, "nginx.service");
  EXPECT_EQ(number, status.st_ino);
  EXPECT_EQ(reader.read(42)->cgroup_id, status.st_ino);
}

}  // namespace
}  // namespace sockscope
