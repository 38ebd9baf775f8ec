// SPDX-License-Identifier: Apache-2.0
// The owner of a connection: one act, one assertion of every field.
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <map>
#include <thread>

#include "acts_conversation.h"
#include "acts_io_uring.h"

namespace sockscope::live {
namespace {

struct Announced {
  Socket socket;
  Identity identity;
};

Announced announce(int fd) {
  return {describe(fd), own_identity()};
}

// The same for an accepted socket, without asking for its peer, which would count as a use. Call
// complete() when the client's end is known.
Announced announce_quietly(int fd) {
  Announced announced;
  announced.socket.cookie = cookie_of(fd);
  announced.identity = own_identity();
  return announced;
}

void complete(Announced& announced, const Socket& client) {
  announced.socket.netns = client.netns;
  announced.socket.local = client.remote;
  announced.socket.remote = client.local;
}

void name_process(const char* name) {
  ::prctl(PR_SET_NAME, name, 0, 0, 0);
}

class OwnerActs : public testing::TestWithParam<std::uint8_t> {
 protected:
  const Event& close_of(const Socket& socket) {
    return collector_.wait_for(EventKind::kClose, socket.cookie);
  }
  Expected expected(const Socket& socket, const ExpectedOwner& owner, Direction direction,
                    TcpState state) const {
    return {.socket = socket,
            .owner = owner,
            .direction = direction,
            .state = state,
            .not_before_ns = collector_.opened_ns()};
  }
  Expected inbound(const Socket& socket, const ExpectedOwner& owner, TcpState state) const {
    return expected(socket, owner, Direction::kInbound, state);
  }
  Expected outbound(const Socket& socket, const ExpectedOwner& owner, TcpState state) const {
    return expected(socket, owner, Direction::kOutbound, state);
  }

  // On a busy host it may take a while until the accepting process runs.
  static Options patient() {
    Options options = exact_owners();
    options.settle_owner = std::chrono::seconds(1);
    return options;
  }
  Collector collector_{patient()};
};
INSTANTIATE_TEST_SUITE_P(Family, OwnerActs, testing::Values(4, 6), family_name);

// A worker, forked before there were connections, accepts one on its parent's listening socket in
// the way of `accept`, then uses it in the way of `use`, and closes it.
class PreforkActs : public OwnerActs {
 protected:
  void worker_accepts(const std::function<Fd(int)>& accept, bool with_bytes, bool known_at_accept) {
    const Fd listener = listen_on(loopback(GetParam()));
    Child worker([&](Channel& test) {
      name_process("worker");
      test.await();
      Fd server = accept(listener.get());
      test.put(announce_quietly(server.get()));
      if (with_bytes) {
        read_exactly(server.get(), 6);
        send_bytes(server.get(), 4);
      }
      test.await();
    });
    Fd client = connect_to(local_of(listener.get()));
    worker.channel().signal();
    auto served = worker.channel().get<Announced>();
    complete(served, describe(client.get()));
    if (with_bytes) {
      send_bytes(client.get(), 6);
      ASSERT_TRUE(read_exactly(client.get(), 4));
    }
    const ExpectedOwner owner = owned_by(served.identity);
    const Event accepted = collector_.wait_for(EventKind::kAccept, served.socket.cookie);
    if (known_at_accept) {
      expect_event(accepted, inbound(served.socket, owner, TcpState::kEstablished));
    } else if (accepted.flow.owner.kind == OwnerKind::kBootstrap) {  // found with it in time
      ExpectedOwner found = owner;
      found.kind = OwnerKind::kBootstrap;
      expect_event(accepted, inbound(served.socket, found, TcpState::kEstablished));
    } else {
      expect_event(accepted, inbound(served.socket, owned_by(own_identity(), OwnerKind::kInherited),
                                     TcpState::kEstablished));
    }
    worker.channel().signal();
    EXPECT_EQ(worker.wait(), 0);
    wait_for_hangup(client.get());
    client.reset();
    const Event closed = close_of(served.socket);
    expect_close(closed, inbound(served.socket, owner, TcpState::kClose), TcpState::kFinWait2);
    EXPECT_EQ(closed.flow.counters.rx_bytes, with_bytes ? 6u : 0u);
    EXPECT_EQ(closed.flow.counters.tx_bytes, with_bytes ? 4u : 0u);
  }
};
INSTANTIATE_TEST_SUITE_P(Family, PreforkActs, testing::Values(4, 6), family_name);

TEST_P(PreforkActs, AcceptWithAddress) {
  worker_accepts([](int listener) { return accept_from(listener, true); }, true, true);
}

TEST_P(PreforkActs, AcceptWithAddressAndNoBytes) {
  worker_accepts([](int listener) { return accept_from(listener, true); }, false, true);
}

TEST_P(PreforkActs, AcceptWithoutAddress) {
  SOCKSCOPE_SKIP_WHEN(blind_to_quiet_owner(collector_.monitor()));
  worker_accepts([](int listener) { return accept_from(listener); }, true, true);
}

// Where only an accept with an address is seen, nothing shows who accepted until the worker is
// found with the connection or closes it.
TEST_P(PreforkActs, AcceptWithoutAddressAndNoBytes) {
  worker_accepts([](int listener) { return accept_from(listener); }, false,
                 blind_to_accepts(collector_.monitor()).empty());
}

TEST_P(PreforkActs, AcceptByIoUring) {
  SOCKSCOPE_SKIP_WHEN(blind_to_quiet_owner(collector_.monitor()));
  worker_accepts(
      [](int listener) {
        IoUring ring;
        return Fd(ring.run(uring_accept(listener)));
      },
      true, true);
}

// A parent accepts and forks a child that serves the connection and closes it.
class ForkingServerActs : public OwnerActs {
 protected:
  void serve(bool with_address, bool with_bytes, bool ask_peer = false) {
    const Fd listener = listen_on(loopback(GetParam()));
    const Endpoint to = local_of(listener.get());
    const Identity parent = own_identity();
    Child client([&](Channel& test) {
      const Fd fd = connect_to(to);
      test.put(describe(fd.get()));
      if (with_bytes) {
        send_bytes(fd.get(), 6);
        read_exactly(fd.get(), 4);
      }
      wait_for_hangup(fd.get());
      test.await();
    });
    Fd accepted = accept_from(listener.get(), with_address);
    Child server([&](Channel& test) {
      name_process("served");
      if (ask_peer) describe(accepted.get());
      test.put(announce_quietly(accepted.get()));
      test.await();
      if (with_bytes) {
        read_exactly(accepted.get(), 6);
        send_bytes(accepted.get(), 4);
      }
    });
    accepted.reset();
    auto served = server.channel().get<Announced>();
    complete(served, client.channel().get<Socket>());
    server.channel().signal();
    EXPECT_EQ(server.wait(), 0);
    client.channel().signal();
    EXPECT_EQ(client.wait(), 0);
    const Event closed = close_of(served.socket);
    expect_close(closed,
                 inbound(served.socket, owned_by(served.identity, parent), TcpState::kClose),
                 TcpState::kFinWait2);
    EXPECT_EQ(closed.flow.counters.rx_bytes, with_bytes ? 6u : 0u);
    EXPECT_EQ(closed.flow.counters.tx_bytes, with_bytes ? 4u : 0u);
  }
};
INSTANTIATE_TEST_SUITE_P(Family, ForkingServerActs, testing::Values(4, 6), family_name);

TEST_P(ForkingServerActs, AcceptWithAddress) {
  serve(true, true);
}
TEST_P(ForkingServerActs, AcceptWithoutAddress) {
  serve(false, true);
}
TEST_P(ForkingServerActs, ChildAsksForThePeersName) {
  serve(false, true, true);
}
TEST_P(ForkingServerActs, AcceptWithAddressAndNoBytes) {
  serve(true, false);
}
TEST_P(ForkingServerActs, AcceptWithoutAddressAndNoBytes) {
  serve(false, false);
}

// The socket goes over a Unix socket from its opener to a process that existed before.
class PassedSocketActs : public OwnerActs {
 protected:
  void pass(bool with_bytes) {
    const Fd listener = listen_on(loopback(GetParam()));
    const Endpoint to = local_of(listener.get());
    Child receiver([&](Channel& test) {
      name_process("receiver");
      Fd fd = test.get_fd();
      test.put(own_identity());
      test.await();
      if (with_bytes) send_bytes(fd.get(), 5);
      test.signal();
      test.await();
    });
    Child sender([&](Channel& test) {
      name_process("sender");
      const Fd fd = connect_to(to);
      test.put(announce(fd.get()));
      test.put_fd(fd.get());
    });
    const auto opened = sender.channel().get<Announced>();
    {
      const Fd passing = sender.channel().get_fd();
      receiver.channel().put_fd(passing.get());
    }
    EXPECT_EQ(sender.wait(), 0);
    const Fd server = accept_from(listener.get());
    const auto heir = receiver.channel().get<Identity>();
    expect_event(collector_.wait_for(EventKind::kConnect, opened.socket.cookie),
                 outbound(opened.socket, owned_by(opened.identity), TcpState::kEstablished));

    receiver.channel().signal();
    receiver.channel().await();
    const ExpectedOwner owner = owned_by(heir, opened.identity);
    if (with_bytes) {
      expect_event(collector_.wait_for(EventKind::kOwner, opened.socket.cookie),
                   outbound(opened.socket, owner, TcpState::kEstablished));
      const auto flow = collector_.flow_of(opened.socket.cookie);
      ASSERT_TRUE(flow);
      expect_flow(*flow, outbound(opened.socket, owner, TcpState::kEstablished));
    }
    receiver.channel().signal();
    EXPECT_EQ(receiver.wait(), 0);
    wait_for_hangup(server.get());
    const Event closed = close_of(opened.socket);
    expect_close(closed, outbound(opened.socket, owner, TcpState::kClose), TcpState::kFinWait2);
    EXPECT_EQ(closed.flow.counters.tx_bytes, with_bytes ? 5u : 0u);
    EXPECT_EQ(collector_.count(EventKind::kOwner, opened.socket.cookie), 1u);
  }
};
INSTANTIATE_TEST_SUITE_P(Family, PassedSocketActs, testing::Values(4, 6), family_name);

TEST_P(PassedSocketActs, UsedByTheReceiver) {
  SOCKSCOPE_SKIP_WHEN(blind_to_use(collector_.monitor()));
  pass(true);
}
TEST_P(PassedSocketActs, OnlyClosedByTheReceiver) {
  pass(false);
}

TEST_P(OwnerActs, InheritedOverFork) {
  SOCKSCOPE_SKIP_WHEN(blind_to_use(collector_.monitor()));
  const Fd listener = listen_on(loopback(GetParam()));
  Fd client = connect_to(local_of(listener.get()));
  const Socket socket = describe(client.get());
  const Identity parent = own_identity();
  Child child([&](Channel& test) {
    name_process("heir");
    test.put(own_identity());
    test.await();
    send_bytes(client.get(), 5);
    test.await();
  });
  client.reset();
  const auto heir = child.channel().get<Identity>();
  const Fd server = accept_from(listener.get());
  child.channel().signal();
  ASSERT_TRUE(read_exactly(server.get(), 5));
  const ExpectedOwner owner = owned_by(heir, parent);
  expect_event(collector_.wait_for(EventKind::kOwner, socket.cookie),
               outbound(socket, owner, TcpState::kEstablished));
  child.channel().signal();
  EXPECT_EQ(child.wait(), 0);
  wait_for_hangup(server.get());
  const Event closed = close_of(socket);
  expect_close(closed, outbound(socket, owner, TcpState::kClose), TcpState::kFinWait2);
  EXPECT_EQ(closed.flow.counters.tx_bytes, 5u);
}

// A process that uses the connection briefly and exits does not keep it.
TEST_P(OwnerActs, BackToTheParent) {
  SOCKSCOPE_SKIP_WHEN(blind_to_use(collector_.monitor()));
  Conversation talk = converse(collector_, GetParam());
  Child child([&](Channel&) { send_bytes(talk.client.get(), 5); });
  EXPECT_EQ(child.wait(), 0);
  send_bytes(talk.client.get(), 6);
  ASSERT_TRUE(read_exactly(talk.server.get(), 11));
  const auto flow = collector_.flow_of(talk.client_socket.cookie);
  ASSERT_TRUE(flow);
  expect_flow(*flow, talk.expected_client(TcpState::kEstablished));
  collector_.catch_up();
  EXPECT_EQ(collector_.count(EventKind::kOwner, talk.client_socket.cookie), 2u);
}

// The reported name is the process's, not the thread's.
TEST_P(OwnerActs, ThreadWithAnotherName) {
  const Fd listener = listen_on(loopback(GetParam()));
  Child child([&](Channel& test) {
    name_process("leader");
    Announced announced;
    std::thread thread([&] {
      ::pthread_setname_np(::pthread_self(), "follower");
      const Fd fd = connect_to(local_of(listener.get()));
      send_bytes(fd.get(), 3);
      announced = announce(fd.get());
    });
    thread.join();
    test.put(announced);
  });
  const auto announced = child.channel().get<Announced>();
  EXPECT_EQ(child.wait(), 0);
  const Fd server = accept_from(listener.get());
  wait_for_hangup(server.get());
  ASSERT_EQ(std::string_view(announced.identity.comm.data()), "leader");
  const ExpectedOwner owner = owned_by(announced.identity);
  expect_event(collector_.wait_for(EventKind::kConnect, announced.socket.cookie),
               outbound(announced.socket, owner, TcpState::kEstablished));
  expect_close(close_of(announced.socket), outbound(announced.socket, owner, TcpState::kClose),
               TcpState::kFinWait2);
}

TEST_P(OwnerActs, OtherUser) {
  const Fd listener = listen_on(loopback(GetParam()));
  Child child([&](Channel& test) {
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0)
      throw std::runtime_error("setresuid");
    const Fd fd = connect_to(local_of(listener.get()));
    test.put(announce(fd.get()));
  });
  const auto announced = child.channel().get<Announced>();
  EXPECT_EQ(child.wait(), 0);
  ASSERT_EQ(announced.identity.uid, 65534u);
  expect_event(collector_.wait_for(EventKind::kConnect, announced.socket.cookie),
               outbound(announced.socket, owned_by(announced.identity), TcpState::kEstablished));
}

// A daemon binds as root, then changes its user and its name: the owner has the later ones.
TEST_P(OwnerActs, OtherUserThanWhenItListened) {
  Child daemon([&](Channel& test) {
    const Fd listener = listen_on(loopback(GetParam()));
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0)
      throw std::runtime_error("setresuid");
    name_process("unprivileged");
    test.put(local_of(listener.get()));
    const Fd server = accept_from(listener.get(), true);
    test.put(cookie_of(server.get()));
    test.await();
  });
  const auto pid = static_cast<std::uint32_t>(daemon.pid());
  const auto to = daemon.channel().get<Endpoint>();
  const Fd client = connect_to(to);
  const auto cookie = daemon.channel().get<std::uint64_t>();
  for (const EventKind kind : {EventKind::kAccept, EventKind::kClose}) {
    if (kind == EventKind::kClose) {
      daemon.channel().signal();
      EXPECT_EQ(daemon.wait(), 0);
    }
    const Event event = collector_.wait_for(kind, cookie);
    EXPECT_EQ(event.flow.owner.uid, 65534u) << to_string(kind);
    EXPECT_EQ(event.flow.owner.name(), "unprivileged") << to_string(kind);
    EXPECT_EQ(event.flow.owner.pid, pid) << to_string(kind);
  }
}

// The process is gone before anybody could look into /proc.
TEST_P(OwnerActs, ProcessThatLivesForAMoment) {
  const Fd listener = listen_on(loopback(GetParam()));
  const std::uint64_t began = mono_ns();
  Child child([&](Channel&) {
    name_process("mayfly");
    const Fd fd = open_socket(GetParam(), SOCK_STREAM);
    try_connect(fd.get(), local_of(listener.get()));
    ::_exit(0);
  });
  const auto pid = static_cast<std::uint32_t>(child.pid());
  EXPECT_EQ(child.wait(), 0);
  const double lifetime_ms = static_cast<double>(mono_ns() - began) / 1e6;
  RecordProperty("lifetime_ms", std::to_string(lifetime_ms));
  const Fd server = accept_from(listener.get());
  Socket socket = describe(server.get());
  std::swap(socket.local, socket.remote);
  const Event& connected = collector_.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kConnect && event.flow.local == socket.local;
      },
      "the connect");
  EXPECT_EQ(connected.flow.owner.pid, pid);
  EXPECT_EQ(connected.flow.owner.opener_pid, pid);
  EXPECT_EQ(connected.flow.owner.name(), "mayfly");
  EXPECT_EQ(connected.flow.owner.kind, OwnerKind::kExact);
  EXPECT_EQ(connected.flow.owner.uid, ::geteuid());
  EXPECT_EQ(connected.flow.remote, socket.remote);
  const Event& closed = collector_.wait_for(EventKind::kClose, connected.flow.cookie);
  EXPECT_EQ(closed.flow.owner.pid, pid);
  EXPECT_EQ(closed.flow.owner.name(), "mayfly");
}

// Another program through vfork and exec: the name is the program's, not the test's.
TEST_P(OwnerActs, ProgramThatConnectsAndExits) {
  if (::access("/bin/bash", X_OK) != 0) GTEST_SKIP() << "no bash to run";
  const Fd listener = listen_on(loopback(GetParam()));
  const Endpoint to = local_of(listener.get());

  const std::string script =
      "exec 3<>/dev/tcp/" + to_string(to.addr) + "/" + std::to_string(to.port);
  const char* const arguments[] = {"bash", "-c", script.c_str(), nullptr};
  const pid_t pid = ::vfork();
  if (pid == 0) {
    ::execv("/bin/bash", const_cast<char* const*>(arguments));
    ::_exit(127);
  }
  ASSERT_GT(pid, 0);
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_EQ(status, 0);
  const Fd server = accept_from(listener.get());
  const Endpoint from = describe(server.get()).remote;
  const Event& connected = collector_.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kConnect && event.flow.local == from;
      },
      "the connect");
  EXPECT_EQ(connected.flow.owner.pid, static_cast<std::uint32_t>(pid));
  EXPECT_EQ(connected.flow.owner.name(), "bash");
  EXPECT_EQ(connected.flow.owner.kind, OwnerKind::kExact);
}

// A socket that is handed back and forth may change its owner many times; in the end the last one
// is right.
TEST_P(OwnerActs, SharedByTwoProcesses) {
  SOCKSCOPE_SKIP_WHEN(blind_to_use(collector_.monitor()));
  Conversation talk = converse(collector_, GetParam());
  Child child([&](Channel& test) {
    test.put(own_identity());
    for (int i = 0; i < 100; ++i) {
      test.await();
      send_bytes(talk.client.get(), 1);
      test.signal();
    }
  });
  const auto other = child.channel().get<Identity>();
  for (int i = 0; i < 100; ++i) {
    send_bytes(talk.client.get(), 1);
    child.channel().signal();
    child.channel().await();
  }
  EXPECT_EQ(child.wait(), 0);
  ASSERT_TRUE(read_exactly(talk.server.get(), 200));
  talk.client.reset();
  const Event closed = close_of(talk.client_socket);
  EXPECT_EQ(closed.flow.counters.tx_bytes, 200u);
  const std::uint32_t pid = closed.flow.owner.pid;
  EXPECT_TRUE(pid == other.pid || pid == talk.owner.process.pid) << pid;
  EXPECT_EQ(closed.flow.owner.opener_pid, talk.owner.process.pid);
  collector_.catch_up();
  EXPECT_GE(collector_.count(EventKind::kOwner, talk.client_socket.cookie), 32u);
  EXPECT_LE(collector_.count(EventKind::kOwner, talk.client_socket.cookie), 40u);
}

// Each process of a group has its own listening socket on one port; the kernel distributes
// connections among them.
TEST_P(OwnerActs, InheritedFromTheVeryListener) {
  // Where states are in a hash and no tracepoint reports new connections, a listener is known only
  // by its port.
  const Door* lifecycle = door_of(collector_.monitor(), Observation::kTcpLifecycle);
  ASSERT_NE(lifecycle, nullptr);
  const bool by_port = !lifecycle->name.starts_with("tp_btf/") &&
                       door_of(collector_.monitor(), Observation::kTcpEnd);
  const auto member = [&](Channel& test) {
    Endpoint at = loopback(GetParam());
    at.port = test.get<std::uint16_t>();
    const Fd listener = open_socket(GetParam(), SOCK_STREAM);
    set_option(listener.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    bind_to(listener.get(), at);
    ASSERT_EQ(::listen(listener.get(), 64), 0);
    test.put(local_of(listener.get()).port);
    std::vector<Fd> accepted;
    for (std::uint32_t left = test.get<std::uint32_t>(); left > 0; --left) {
      pollfd ready{listener.get(), POLLIN, 0};
      if (::poll(&ready, 1, 0) != 1) break;
      accepted.push_back(accept_from(listener.get()));
      test.put(cookie_of(accepted.back().get()));
    }
    test.put(std::uint64_t{0});
  };
  std::deque<Child> group;
  Endpoint to = loopback(GetParam());
  for (int i = 0; i < 4; ++i) {
    group.emplace_back(member).channel().put(to.port);
    to.port = group.back().channel().get<std::uint16_t>();
  }
  std::vector<Fd> clients;
  std::map<std::uint64_t, std::uint32_t> inherited;  // pid by cookie
  constexpr std::uint32_t kConnections = 12;
  for (std::uint32_t i = 0; i < kConnections; ++i) clients.push_back(connect_to(to));
  for (const Fd& client : clients) {  // each accept is held back for a second
    const Event& accept = collector_.wait_for_accept_from(describe(client.get()));
    EXPECT_EQ(accept.flow.owner.kind, by_port ? OwnerKind::kUnknown : OwnerKind::kInherited);
    inherited[accept.flow.cookie] = accept.flow.owner.pid;
  }
  std::size_t members = 0;
  for (Child& child : group) {
    child.channel().put(kConnections);
    std::size_t accepted = 0;
    while (const auto cookie = child.channel().get<std::uint64_t>()) {
      EXPECT_EQ(inherited[cookie], by_port ? 0 : static_cast<std::uint32_t>(child.pid()));
      ++accepted;
    }
    members += accepted > 0;
    EXPECT_EQ(child.wait(), 0);
  }
  EXPECT_GT(members, 1u);
}

TEST_P(OwnerActs, OtherNetworkNamespace) {
  struct Both {
    Socket client, server;
    Identity identity;
  };
  Child child([&](Channel& test) {
    enter_new_netns();
    const Fd listener = listen_on(loopback(GetParam()));
    Fd client = connect_to(local_of(listener.get()));
    Fd server = accept_from(listener.get(), true);
    send_bytes(client.get(), 5);
    read_exactly(server.get(), 5);
    test.put(Both{describe(client.get()), describe(server.get()), own_identity()});
    test.await();
    client.reset();
    wait_for_hangup(server.get());
    server.reset();
    test.await();
  });
  const auto both = child.channel().get<Both>();
  ASSERT_NE(both.client.netns, own_netns());
  const ExpectedOwner owner = owned_by(both.identity);
  expect_event(collector_.wait_for(EventKind::kConnect, both.client.cookie),
               outbound(both.client, owner, TcpState::kEstablished));
  collector_.wait_for(EventKind::kAccept, both.server.cookie);
  const auto open = collector_.flow_of(both.server.cookie);
  ASSERT_TRUE(open);
  expect_flow(*open, inbound(both.server, owner, TcpState::kEstablished));
  EXPECT_EQ(open->counters.rx_bytes, 5u);
  child.channel().signal();
  const Event client = close_of(both.client);
  expect_close(client, outbound(both.client, owner, TcpState::kClose), TcpState::kFinWait2);
  EXPECT_EQ(client.flow.counters.tx_bytes, 5u);
  const Event server = close_of(both.server);
  expect_close(server, inbound(both.server, owner, TcpState::kClose), TcpState::kLastAck);
  EXPECT_EQ(server.flow.counters.rx_bytes, 5u);
  child.channel().signal();
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace sockscope::live
