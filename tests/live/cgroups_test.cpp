// SPDX-License-Identifier: Apache-2.0
// Processes that are moved to another cgroup, as session managers and runtimes do, without an exec
// afterwards.
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "live_support.h"

namespace sockscope::live {
namespace {

std::string cgroup_mount() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::string device, path, type;
    std::istringstream(line) >> device >> path >> type;
    if (type == "cgroup2") return path;
  }
  return {};
}

// A cgroup that the test makes and removes.
class Group {
 public:
  explicit Group(const std::string& name)
      : path_("/sockscope-live-" + std::to_string(::getpid()) + '-' + name),
        folder_(cgroup_mount() + path_) {
    if (::mkdir(folder_.c_str(), 0755) != 0) throw std::runtime_error("mkdir " + folder_);
  }
  ~Group() {
    for (int i = 0; i < 100 && ::rmdir(folder_.c_str()) != 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  Group(const Group&) = delete;
  const std::string& path() const { return path_; }
  const std::string& folder() const { return folder_; }
  std::uint64_t number() const {
    struct stat status {};
    ::stat(folder_.c_str(), &status);
    return status.st_ino;
  }
  void take(pid_t pid) const {
    std::ofstream procs(folder_ + "/cgroup.procs");
    if (!(procs << pid << std::flush)) throw std::runtime_error("move to " + folder_);
  }

 private:
  std::string path_, folder_;
};

void expect_in(const std::optional<Flow>& flow, const Group& group) {
  ASSERT_TRUE(flow && flow->owner.process && flow->owner.process->cgroup);
  EXPECT_EQ(flow->owner.process->cgroup->path, group.path());
  EXPECT_EQ(flow->owner.process->cgroup_id, group.number());
  EXPECT_EQ(flow->owner.cgroup_id, group.number());
}

class Moved : public testing::TestWithParam<Source> {
 protected:
  static Options describing() {
    Options options;
    options.source = GetParam();
    options.describe = true;
    options.settle_owner = std::chrono::milliseconds(0);
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(Source, Moved,
                         testing::Values(Source::kEbpf, Source::kSockDiag, Source::kProcfs),
                         [](const auto& source) {
                           return std::string(to_string(source.param)) == "sock_diag"
                                      ? "PolledSockDiag"
                                  : std::string(to_string(source.param)) == "procfs"
                                      ? "PolledProcfs"
                                      : "Ebpf";
                         });

const Flow* find_of(const Snapshot& snapshot, const Endpoint& local, pid_t pid) {
  for (const Flow& flow : snapshot.flows)
    if (flow.local == local && flow.owner.pid == static_cast<std::uint32_t>(pid)) return &flow;
  return nullptr;
}

// Reports its end of the connection.
std::function<void(Channel&)> connects_and_waits(int listener) {
  return [listener](Channel& test) {
    const Fd client = connect_to(local_of(listener));
    test.put(local_of(client.get()));
    test.await();
  };
}

TEST_P(Moved, PathAndNumberFollow) {
  const Group first("first");
  const Group second("second");
  const Fd listener = listen_on(loopback(4));
  Child child(connects_and_waits(listener.get()));
  const auto local = child.channel().get<Endpoint>();
  Collector collector(describing());
  for (const Group* group : {&first, &second, &first}) {
    group->take(child.pid());
    const Snapshot snapshot = collector.snapshot();
    const Flow* flow = find_of(snapshot, local, child.pid());
    ASSERT_NE(flow, nullptr);
    expect_in(*flow, *group);
    for (const Process& process : snapshot.processes) {
      if (process.pid != static_cast<std::uint32_t>(child.pid())) continue;
      EXPECT_EQ(process.cgroup_id, group->number());
    }
  }
  child.channel().signal();
  child.wait();
}

TEST_P(Moved, TheFilterFollows) {
  const Group group("filter");
  const Fd listener = listen_on(loopback(4));
  Child child(connects_and_waits(listener.get()));
  const auto local = child.channel().get<Endpoint>();
  Options options = describing();
  options.filter.cgroup = group.path();
  Collector collector(options);
  EXPECT_EQ(find_of(collector.snapshot(), local, child.pid()), nullptr);
  group.take(child.pid());
  EXPECT_NE(find_of(collector.snapshot(), local, child.pid()), nullptr);
  child.channel().signal();
  child.wait();
}

// Nobody reads until everything is over, so only the numbers in the kernel's records are left.
TEST(MovedAndGone, EventsHaveWhatWasTrueAtThem) {
  const Group group("gone");
  const Fd listener = listen_on(loopback(4));
  Options options;
  options.describe = true;
  options.settle_owner = std::chrono::milliseconds(0);
  options.filter.cgroup = group.path();
  Collector collector(options);
  Child inside([&](Channel& test) {
    group.take(::getpid());
    const Fd client = connect_to(local_of(listener.get()));
    test.put(cookie_of(client.get()));
  });
  Child outside([&](Channel& test) {
    const Fd client = connect_to(local_of(listener.get()));
    test.put(cookie_of(client.get()));
  });
  const auto cookie = inside.channel().get<std::uint64_t>();
  const auto other = outside.channel().get<std::uint64_t>();
  inside.wait();
  outside.wait();
  const Event connected = collector.wait_for(EventKind::kConnect, cookie);
  expect_in(connected.flow, group);
  EXPECT_EQ(collector.count(EventKind::kConnect, other), 0u);
}

// Opened before the move, closed after it.
TEST(MovedAndGone, TheCloseIsInTheNewOne) {
  const Group group("close");
  const Fd listener = listen_on(loopback(4));
  Options options;
  options.describe = true;
  options.settle_owner = std::chrono::milliseconds(0);
  Collector collector(options);
  Child child([&](Channel& test) {
    {
      const Fd client = connect_to(local_of(listener.get()));
      test.put(cookie_of(client.get()));
      test.await();
    }
    test.signal();
    test.await();
  });
  const auto cookie = child.channel().get<std::uint64_t>();
  const Event connected = collector.wait_for(EventKind::kConnect, cookie);
  EXPECT_NE(connected.flow.owner.cgroup_id, group.number());
  group.take(child.pid());
  Fd server = accept_from(listener.get());
  child.channel().signal();
  child.channel().await();
  server.reset();
  const Event closed = collector.wait_for(EventKind::kClose, cookie);
  expect_in(closed.flow, group);
  child.channel().signal();
  child.wait();
}

// The mount is still the outer one, as in a container that shares it.
TEST(MovedAndGone, InACgroupNamespaceThePathIsTheOneSeenThere) {
  const Group group("namespace");
  const std::string inner = group.folder() + "/inner";
  ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
  struct stat status {};
  ::stat(inner.c_str(), &status);
  const Fd listener = listen_on(loopback(4));
  Child outer([&](Channel& test) {
    group.take(::getpid());
    if (::unshare(CLONE_NEWCGROUP) != 0) throw std::runtime_error("unshare");
    Options options;
    options.describe = true;
    options.settle_owner = std::chrono::milliseconds(0);
    options.filter.cgroup = "/inner";
    Collector collector(options);
    Child client([&](Channel& told) {
      if (!(std::ofstream(inner + "/cgroup.procs") << ::getpid() << std::flush))
        throw std::runtime_error("move");
      const Fd socket = connect_to(local_of(listener.get()));
      told.put(cookie_of(socket.get()));
    });
    const auto cookie = client.channel().get<std::uint64_t>();
    client.wait();
    const Event connected = collector.wait_for(EventKind::kConnect, cookie);
    const auto& process = connected.flow.owner.process;
    test.put(process && process->cgroup && process->cgroup->path == "/inner");
    test.put(connected.flow.owner.cgroup_id);
  });
  EXPECT_TRUE(outer.channel().get<bool>());
  EXPECT_EQ(outer.channel().get<std::uint64_t>(), status.st_ino);
  outer.wait();
  for (int i = 0; i < 100 && ::rmdir(inner.c_str()) != 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace
}  // namespace sockscope::live
