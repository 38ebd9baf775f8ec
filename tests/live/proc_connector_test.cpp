// SPDX-License-Identifier: Apache-2.0
// Compares the process events connector with processes that know what they did.
#include <poll.h>
#include <sched.h>
#include <sockscope/proc_connector.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <thread>

#include "live_support.h"
#include "proc_acks.h"
#include "process_acts.h"

namespace sockscope::live {
namespace {

using std::chrono::milliseconds;

class ProcConnectorTest : public testing::Test {
 protected:
  void open(ProcConnector::Options options = {}) {
    auto opened = ProcConnector::open(options);
    ASSERT_TRUE(opened) << opened.error().message();
    connector_.emplace(std::move(*opened));
  }
  void subscribe(ProcessEventMask mask = kAllProcessEvents) {
    const auto done = connector_->subscribe(mask);
    if (!done) throw std::runtime_error(done.error().message() + ' ' + done.error().detail());
  }
  std::size_t receive(milliseconds timeout) {
    const auto count = connector_->receive(buffer_, timeout, keep_);
    EXPECT_TRUE(count);
    return count ? *count : 0;
  }
  void receive_until(ProcessEventKind kind, std::uint32_t pid) {
    const auto deadline = std::chrono::steady_clock::now() + patience();
    while (std::chrono::steady_clock::now() < deadline) {
      receive(milliseconds(100));
      if (!events_.empty() && events_.back().kind == kind && events_.back().pid == pid &&
          events_.back().tid == pid)
        return;
    }
    FAIL() << "no " << to_string(kind) << " of " << pid;
  }
  void receive_until_exit_of(std::uint32_t pid) { receive_until(ProcessEventKind::kExit, pid); }
  // A process that does nothing, as a mark in the stream.
  std::uint32_t mark() {
    Child child([](Channel&) {});
    const auto pid = static_cast<std::uint32_t>(child.pid());
    child.wait();
    return pid;
  }

  std::optional<ProcConnector> connector_;
  std::vector<ProcessEvent> events_;
  ProcConnector::Handler keep_ = [this](const ProcessEvent& e) { events_.push_back(e); };
  std::array<std::byte, ProcConnector::kBufferSize> buffer_;
};

class ConnectorActs : public ProcConnectorTest, public testing::WithParamInterface<ProcessAct> {};
INSTANTIATE_TEST_SUITE_P(Act, ConnectorActs, testing::ValuesIn(process_acts()),
                         [](const testing::TestParamInfo<ProcessAct>& act) {
                           return act.param.name;
                         });

TEST_P(ConnectorActs, IsSeenWhole) {
  open({.receive_buffer = 16 << 20});
  subscribe();
  const std::uint64_t before = mono_ns();
  auto expected = GetParam().carry_out();
  receive_until_exit_of(expected.back().pid);
  const std::uint64_t after =
      mono_ns();  // the parent may learn of an exit before the connector reports it
  const std::vector<ProcessEvent> seen = only_of(events_, expected);
  expected = as_connector_tells(std::move(expected), seen);
  EXPECT_EQ(seen, expected) << "seen:\n" << as_text(seen) << "expected:\n" << as_text(expected);
  for (const ProcessEvent& event : events_) {
    if (event.pid != expected.back().pid) continue;
    EXPECT_GE(event.mono_ns, before);
    EXPECT_LE(event.mono_ns, after);
    EXPECT_LT(event.cpu, static_cast<std::uint32_t>(::sysconf(_SC_NPROCESSORS_CONF)));
  }
  EXPECT_EQ(connector_->loss(), ProcConnectorLoss{});
}

TEST_F(ProcConnectorTest, TellsOfThreads) {
  open({.receive_buffer = 16 << 20});
  subscribe();
  Child child([](Channel& test) {
    std::thread([&] { test.put(static_cast<std::uint32_t>(::gettid())); }).join();
  });
  const auto pid = static_cast<std::uint32_t>(child.pid());
  const auto tid = child.channel().get<std::uint32_t>();
  child.wait();
  receive_until_exit_of(pid);
  std::vector<ProcessEventKind> of_thread;
  for (const ProcessEvent& event : events_) {
    if (event.tid != tid) continue;
    EXPECT_TRUE(event.is_thread());
    EXPECT_EQ(event.pid, pid);
    EXPECT_EQ(event.exit_signal, 0u);
    of_thread.push_back(event.kind);
  }
  EXPECT_EQ(of_thread, (std::vector{ProcessEventKind::kFork, ProcessEventKind::kExit}));
}

TEST_F(ProcConnectorTest, AFilterLeavesOutWhatIsNotWanted) {
  open();
  subscribe(mask_of(ProcessEventKind::kExec));
  Child child([](Channel&) { ::execl("/bin/true", "true", nullptr); });
  const auto pid = static_cast<std::uint32_t>(child.pid());
  child.wait();
  receive_until(ProcessEventKind::kExec, pid);
  for (const ProcessEvent& event : events_) EXPECT_EQ(event.kind, ProcessEventKind::kExec);
  // Another mask replaces the earlier one.
  events_.clear();
  subscribe(mask_of(ProcessEventKind::kExit));
  const std::uint32_t other = mark();
  receive_until_exit_of(other);
  for (const ProcessEvent& event : events_) EXPECT_EQ(event.kind, ProcessEventKind::kExit);
  EXPECT_EQ(connector_->loss().missing, 0u);
}

// Since Linux 6.6, unwanted events do not even wake the reader.
TEST_F(ProcConnectorTest, TheKernelFilters) {
  utsname system{};
  ::uname(&system);
  int major = 0;
  int minor = 0;
  ASSERT_EQ(std::sscanf(system.release, "%d.%d", &major, &minor), 2);
  const bool can_filter = major > 6 || (major == 6 && minor >= 6);
  open();
  EXPECT_FALSE(connector_->filters_in_kernel());
  subscribe(mask_of(ProcessEventKind::kCoredump));
  EXPECT_EQ(connector_->filters_in_kernel(), can_filter);
  ASSERT_TRUE(connector_->drain(buffer_, keep_));  // events from before the filter
  for (int i = 0; i < 20; ++i) mark();
  pollfd file{.fd = connector_->fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&file, 1, 0), can_filter ? 0 : 1);
  ASSERT_TRUE(connector_->drain(buffer_, keep_));
  for (const ProcessEvent& event : events_) EXPECT_EQ(event.kind, ProcessEventKind::kCoredump);

  // Everything is wanted, so nothing is filtered.
  subscribe();
  EXPECT_FALSE(connector_->filters_in_kernel());
  receive_until_exit_of(mark());
  EXPECT_EQ(connector_->loss(), ProcConnectorLoss{});
}

TEST_F(ProcConnectorTest, NonzeroExitsOnly) {
  open();
  subscribe(kNonzeroExits);
  mark();
  Child failing([](Channel&) { ::_exit(3); });
  const auto pid = static_cast<std::uint32_t>(failing.pid());
  failing.wait();
  receive_until_exit_of(pid);
  EXPECT_EQ(events_.back().exit_code(), 3u);
  for (const ProcessEvent& event : events_) {
    EXPECT_EQ(event.kind, ProcessEventKind::kExit);
    EXPECT_NE(event.exit_status, 0u);
  }
}

TEST_F(ProcConnectorTest, NothingToSubscribeToIsAnError) {
  open();
  const auto done = connector_->subscribe(0);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::kInvalidArgument);
}

TEST_F(ProcConnectorTest, UnsubscribedIsQuiet) {
  open();
  EXPECT_FALSE(connector_->is_subscribed());
  subscribe();
  EXPECT_TRUE(connector_->is_subscribed());
  ASSERT_TRUE(connector_->unsubscribe());
  EXPECT_FALSE(connector_->is_subscribed());
  EXPECT_TRUE(connector_->drain(buffer_, keep_));
  events_.clear();
  const std::uint32_t pid = mark();
  EXPECT_TRUE(connector_->drain(buffer_, keep_));
  for (const ProcessEvent& event : events_) EXPECT_NE(event.pid, pid);
}

TEST_F(ProcConnectorTest, WaitsAsLongAsAsked) {
  open();
  EXPECT_EQ(receive(milliseconds(0)), 0u);
  EXPECT_EQ(receive(milliseconds(1)), 0u);
  subscribe(mask_of(ProcessEventKind::kExit));
  Child child([](Channel& test) { test.await(); });
  child.channel().signal();
  while (events_.empty()) receive(milliseconds(-1));
  EXPECT_EQ(events_.front().kind, ProcessEventKind::kExit);
}

TEST_F(ProcConnectorTest, ItsFileIsReadableWhenThereIsSomething) {
  open();
  pollfd file{.fd = connector_->fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&file, 1, 0), 0);
  subscribe();
  mark();
  EXPECT_EQ(::poll(&file, 1, static_cast<int>(patience().count())), 1);
}

TEST_F(ProcConnectorTest, TheReceiveBufferIsForcedAsLargeAsAsked) {
  open({.receive_buffer = 64 << 20});
  EXPECT_GE(connector_->receive_buffer(), std::size_t{64} << 20);
}

TEST_F(ProcConnectorTest, ABufferTooSmallLosesThatDatagramOnlyAndSaysSo) {
  open();
  subscribe();
  mark();
  std::array<std::byte, 40> small;
  EXPECT_EQ(connector_->receive(small, milliseconds(0), keep_), 0u);
  EXPECT_EQ(connector_->loss().malformed, 1u);
  EXPECT_EQ(receive(milliseconds(0)), 1u);
}

// What a small buffer lost must be what a large one received in addition, from the first event on
// each CPU that both saw to the last one.
TEST_F(ProcConnectorTest, LossIsCountedExactly) {
  const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  auto whole = ProcConnector::open({.receive_buffer = 64 << 20});
  ASSERT_TRUE(whole);
  ASSERT_TRUE(whole->subscribe());
  open({.receive_buffer = 8 << 10});
  ProcAcks acks;
  subscribe();
  const std::uint64_t ours = acks.count();
  std::vector<ProcessEvent> all;
  const auto keep_all = [&](const ProcessEvent& event) { all.push_back(event); };
  std::array<std::byte, ProcConnector::kBufferSize> buffer;
  // A process on each CPU, read at once, marks where each CPU's numbers begin and end.
  const auto mark_each_cpu = [&] {
    for (int cpu = 0; cpu < cpus; ++cpu) {
      Child child([cpu](Channel&) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<unsigned>(cpu), &set);
        ::sched_setaffinity(0, sizeof set, &set);
        ::waitpid(::fork() == 0 ? (::_exit(0), 0) : -1, nullptr, 0);
      });
      child.wait();
      ASSERT_TRUE(connector_->drain(buffer_, keep_));
    }
  };
  mark_each_cpu();
  constexpr int kForks = 500;
  for (int i = 0; i < kForks; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    ::waitpid(pid, nullptr, 0);
  }
  ASSERT_TRUE(connector_->drain(buffer_, keep_));
  mark_each_cpu();
  ASSERT_TRUE(whole->drain(buffer, keep_all));

  EXPECT_GE(connector_->loss().buffer_full, 1u);
  EXPECT_EQ(whole->loss(), ProcConnectorLoss{});
  using Key = std::pair<std::uint64_t, std::uint32_t>;  // when, thread
  std::map<std::uint32_t, std::pair<Key, Key>> ends;    // by CPU: the first and the last that the
                                                        // small one saw
  for (const ProcessEvent& event : events_) {
    const Key key{event.mono_ns, event.tid};
    const auto [place, is_new] = ends.try_emplace(event.cpu, key, key);
    place->second.second = key;
  }
  std::uint64_t between = 0;
  for (const auto& [cpu, range] : ends) {
    bool inside = false;
    for (const ProcessEvent& event : all) {
      const Key key{event.mono_ns, event.tid};
      if (event.cpu != cpu) continue;
      if (key == range.first) inside = true;
      between += inside;
      if (key == range.second) inside = false;
    }
  }
  EXPECT_GT(connector_->loss().missing, 0u);
  EXPECT_GE(connector_->loss().missing, between - events_.size());
  EXPECT_LE(connector_->loss().missing, between - events_.size() + acks.count() - ours);
}

// What a child in these namespaces gets: 0, or the kind of its error and whether that has a text.
struct Refusal {
  int kind = -1;
  bool is_explained = false;
};
Refusal try_in(const std::function<void()>& surrounding) {
  Child child([&](Channel& test) {
    surrounding();
    auto connector = ProcConnector::open();
    auto done = connector ? connector->subscribe() : tl::make_unexpected(connector.error());
    Refusal refusal;
    if (!done) refusal = {static_cast<int>(done.error().kind()), !done.error().detail().empty()};
    test.put(refusal);
  });
  const auto refusal = child.channel().get<Refusal>();
  child.wait();
  return refusal;
}

TEST(ProcConnectorErrors, AnotherNetworkNamespace) {
  const Refusal refusal = try_in([] { ASSERT_EQ(::unshare(CLONE_NEWNET), 0); });
  EXPECT_EQ(refusal.kind, static_cast<int>(ErrorKind::kOtherNamespace));
  EXPECT_TRUE(refusal.is_explained);
}

TEST(ProcConnectorErrors, AnotherUserNamespace) {
  const Refusal refusal = try_in([] { ASSERT_EQ(::unshare(CLONE_NEWUSER), 0); });
  EXPECT_TRUE(refusal.kind == static_cast<int>(ErrorKind::kOtherNamespace) ||
              refusal.kind == static_cast<int>(ErrorKind::kNotPermitted))
      << refusal.kind;
  EXPECT_TRUE(refusal.is_explained);
}

TEST(ProcConnectorErrors, AnotherPidNamespace) {
  Child outer([](Channel& test) {
    if (::unshare(CLONE_NEWPID) != 0) throw std::runtime_error("unshare");
    const pid_t pid = ::fork();
    if (pid == 0) {
      auto connector = ProcConnector::open();
      auto done = connector ? connector->subscribe() : tl::make_unexpected(connector.error());
      test.put(Refusal{done ? -1 : static_cast<int>(done.error().kind()),
                       !done && !done.error().detail().empty()});
      ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
  });
  const auto refusal = outer.channel().get<Refusal>();
  outer.wait();
  EXPECT_EQ(refusal.kind, static_cast<int>(ErrorKind::kOtherNamespace));
  EXPECT_TRUE(refusal.is_explained);
}

}  // namespace
}  // namespace sockscope::live
