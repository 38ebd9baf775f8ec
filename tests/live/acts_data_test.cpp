// SPDX-License-Identifier: Apache-2.0
// One event per send and receive, and the filter that runs in the kernel.
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>

#include "acts_expect.h"

namespace sockscope::live {
namespace {

Options data_options() {
  Options options;
  options.data = true;
  return options;
}

struct Bytes {
  std::vector<std::uint64_t> sent;
  std::vector<std::uint64_t> received;
};

Bytes data_of(const Collector& collector, std::uint64_t cookie) {
  Bytes bytes;
  for (const Event& event : collector.events_of(cookie))
    if (const auto* data = std::get_if<event::Data>(&event.what))
      (data->sent ? bytes.sent : bytes.received).push_back(data->bytes);
  return bytes;
}

using Sizes = std::vector<std::uint64_t>;

class DataActs : public testing::TestWithParam<std::uint8_t> {};
INSTANTIATE_TEST_SUITE_P(Family, DataActs, testing::Values(4, 6), family_name);

TEST_P(DataActs, EachTcpSendAndReceive) {
  Collector collector(data_options());
  SOCKSCOPE_SKIP_WHEN(blind_to_use(collector.monitor()));
  const Fd listener = listen_on(loopback(GetParam()));
  const Fd client = connect_to(local_of(listener.get()));
  const Fd server = accept_from(listener.get(), true);
  const Socket client_socket = describe(client.get());
  const Socket server_socket = describe(server.get());
  send_bytes(client.get(), 10);
  ASSERT_TRUE(read_exactly(server.get(), 10));
  char byte;
  ASSERT_EQ(::recv(server.get(), &byte, 1, MSG_DONTWAIT), -1);
  send_bytes(client.get(), 20);
  ASSERT_EQ(::recv(server.get(), &byte, 1, MSG_PEEK), 1);
  ASSERT_TRUE(read_exactly(server.get(), 20));
  collector.catch_up();

  const Bytes client_data = data_of(collector, client_socket.cookie);
  EXPECT_EQ(client_data.sent, (Sizes{10, 20}));
  EXPECT_EQ(client_data.received, Sizes{});
  const Bytes server_data = data_of(collector, server_socket.cookie);
  EXPECT_EQ(server_data.sent, Sizes{});
  EXPECT_EQ(server_data.received, (Sizes{10, 20}));

  const ExpectedOwner owner = owned_by(own_identity());
  for (const Event& event : collector.events()) {
    if (event.kind() != EventKind::kData) continue;
    const bool from_client = event.flow.cookie == client_socket.cookie;
    if (!from_client && event.flow.cookie != server_socket.cookie) continue;
    expect_event(event, {.socket = from_client ? client_socket : server_socket,
                         .owner = owner,
                         .direction = from_client ? Direction::kOutbound : Direction::kInbound,
                         .state = TcpState::kEstablished,
                         .not_before_ns = collector.opened_ns()});
  }
}

TEST_P(DataActs, EachDatagram) {
  Collector collector(data_options());
  SOCKSCOPE_SKIP_WHEN(blind_to_use(collector.monitor()));
  const Fd receiver = open_socket(GetParam(), SOCK_DGRAM);
  bind_to(receiver.get(), loopback(GetParam()));
  const Fd sender = connect_to(local_of(receiver.get()), SOCK_DGRAM);
  const Socket socket = describe(sender.get());
  send_bytes(sender.get(), 30);
  send_bytes(sender.get(), 0);
  ASSERT_TRUE(read_exactly(receiver.get(), 30));
  collector.catch_up();
  EXPECT_EQ(data_of(collector, socket.cookie).sent, (Sizes{30, 0}));
  EXPECT_EQ(data_of(collector, cookie_of(receiver.get())).received, (Sizes{30}));
  for (const Event& event : collector.events_of(socket.cookie))
    expect_event(event, {.socket = socket,
                         .owner = owned_by(own_identity()),
                         .not_before_ns = collector.opened_ns()});
}

TEST_P(DataActs, NotWithoutTheOption) {
  Collector collector;
  const Fd receiver = open_socket(GetParam(), SOCK_DGRAM);
  bind_to(receiver.get(), loopback(GetParam()));
  const Fd sender = connect_to(local_of(receiver.get()), SOCK_DGRAM);
  send_bytes(sender.get(), 30);
  collector.catch_up();
  EXPECT_EQ(collector.events_of(cookie_of(sender.get())).size(), 0u);
}

// Two processes send the same number of datagrams. The filter lets one of them through; the other's
// records must not even reach user space.
class DataFilter : public testing::Test {
 protected:
  static constexpr std::size_t kCount = 3000;

  struct Sender {
    Sender(const char* name, const Endpoint& to)
        : child([name, to](Channel& test) {
            ::prctl(PR_SET_NAME, name, 0, 0, 0);
            const Fd fd = connect_to(to, SOCK_DGRAM);
            test.put(describe(fd.get()));
            for (;;) {
              test.await();
              for (std::size_t i = 0; i < kCount; ++i) send_bytes(fd.get(), 5);
              test.signal();
            }
          }),
          socket(child.channel().get<Socket>()) {}
    void send() {
      child.channel().signal();
      child.channel().await();
    }
    Child child;
    Socket socket;
  };

  DataFilter() : near_(open_socket(4, SOCK_DGRAM)), far_(open_socket(4, SOCK_DGRAM)) {
    bind_to(near_.get(), loopback(4));
    bind_to(far_.get(), loopback(4));
    wanted_.emplace("wanted", local_of(near_.get()));
    other_.emplace("other", local_of(far_.get()));
  }

  void SetUp() override { SOCKSCOPE_SKIP_WHEN(blind_to_use(Collector(data_options()).monitor())); }

  void wait_for_last_datagram(Collector& collector) {
    std::size_t seen = 0;
    collector.wait_for(
        [&](const Event& event) {
          seen += event.kind() == EventKind::kData && event.flow.cookie == wanted_->socket.cookie;
          return seen == kCount;
        },
        "the last datagram");
  }

  // Returns how many records reached user space.
  std::uint64_t observe(const Options& options) {
    Collector collector(options);
    other_->send();
    wanted_->send();
    wait_for_last_datagram(collector);
    EXPECT_EQ(data_of(collector, wanted_->socket.cookie).sent, Sizes(kCount, 5));
    EXPECT_EQ(collector.events_of(other_->socket.cookie).size(), 0u);
    return collector.monitor().cost().events;
  }

  void expect_only_wanted(const Filter& filter) {
    Options options = data_options();
    options.filter = filter;
    // Records of connections are not filtered in the kernel, and other jobs may cause some, so the
    // least of a few attempts counts. Without the filter it would be at least twice kCount.
    std::uint64_t records = observe(options);
    for (int attempt = 1; attempt < 5 && records > kCount + kCount / 2; ++attempt)
      records = std::min(records, observe(options));
    EXPECT_GE(records, kCount);
    EXPECT_LE(records, kCount + kCount / 2);
  }

  Fd near_;
  Fd far_;
  std::optional<Sender> wanted_;
  std::optional<Sender> other_;
};

TEST_F(DataFilter, ByProcess) {
  Filter filter;
  filter.pids = {static_cast<std::uint32_t>(wanted_->child.pid())};
  expect_only_wanted(filter);
}

TEST_F(DataFilter, ByName) {
  Filter filter;
  filter.comm = "wanted";
  expect_only_wanted(filter);
}

TEST_F(DataFilter, ByLocalPort) {
  Filter filter;
  filter.local_ports = {{wanted_->socket.local.port, wanted_->socket.local.port}};
  expect_only_wanted(filter);
}

TEST_F(DataFilter, ByRemotePort) {
  Filter filter;
  filter.remote_ports = {{wanted_->socket.remote.port, wanted_->socket.remote.port}};
  expect_only_wanted(filter);
}

TEST_F(DataFilter, ByAnyPort) {
  Filter filter;
  filter.any_ports = {{1, 1}, {wanted_->socket.remote.port, wanted_->socket.remote.port}};
  expect_only_wanted(filter);
}

TEST_F(DataFilter, ByProcessAmongMoreThanTheKernelTakes) {
  Options options = data_options();
  for (std::uint32_t pid = 1; pid <= 40; ++pid) options.filter.pids.push_back(0x7f000000 + pid);
  options.filter.pids.push_back(static_cast<std::uint32_t>(wanted_->child.pid()));
  observe(options);
}

TEST_F(DataFilter, ByPortAmongMoreRangesThanTheKernelTakes) {
  for (const auto ports : {&Filter::local_ports, &Filter::remote_ports, &Filter::any_ports}) {
    Options options = data_options();
    for (std::uint16_t port = 1; port <= 40; ++port)
      (options.filter.*ports).push_back({port, port});
    const std::uint16_t wanted =
        ports == &Filter::local_ports ? wanted_->socket.local.port : wanted_->socket.remote.port;
    (options.filter.*ports).push_back({wanted, wanted});
    observe(options);
  }
}

}  // namespace
}  // namespace sockscope::live
