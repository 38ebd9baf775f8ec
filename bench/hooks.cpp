// SPDX-License-Identifier: Apache-2.0
// What hooks alone cost the traffic, for each object named: for example programs that do nothing on
// the same hooks, ours, and ours of yesterday. A name followed by "@tcp" keeps TCP's states in the
// hash and UDP's in storage, "@hash" keeps all in the hash; otherwise all are in storage. UDP is
// counted in packets, with "@peers" also by remote end, and with "@calls" at each send and receive
// instead. "@exact" also notes there who uses a TCP connection. "@late" reports openings of
// connections late, as `top` does. All run in one process, in turns of
// a few milliseconds, so that a noisy host disturbs all of them equally. Nobody reads the ring; its
// contents are dropped.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "decode/procfs.h"
#include "sockets.h"
#include "source/ebpf/kernel_types.h"
#include "source/ebpf/typed_programs.h"
#include "wire/control.h"

namespace bench {
namespace {

constexpr std::array kPrograms = {"tp_btf__inet_sock_set_state", "cgroup__sock_create",
                                  "cgroup__sock_release", "cgroup__getpeername4"};
// Those that the object has are used.
constexpr std::array kCallPrograms = {"tp_btf__sock_send_length", "tp_btf__sock_recv_length"};
constexpr std::array kPacketPrograms = {"cgroup_skb__egress", "cgroup_skb__ingress"};
constexpr const char* kCopyProgram =
    "tp_btf__inet_sock_set_state__copy";  // programs that do nothing have no copy
constexpr const char* kEndProgram = "tp_btf__tcp_destroy_sock";
constexpr int kRounds = 60;
constexpr std::uint32_t kRingBytes = 16u << 20;

struct ObjectDeleter {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

// Sets the constants of our programs; other objects do not have them.
void configure(bpf_object* object, std::uint8_t states_in, bool with_peers, bool in_calls,
               bool exact_owners, bool late_openings) {
  const btf* types = bpf_object__btf(object);
  const int section = types ? btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC) : -1;
  bpf_map* constants = nullptr;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (std::string_view(bpf_map__name(map)).ends_with(".rodata")) constants = map;
  }
  if (section < 0 || !constants) return;
  std::size_t size = 0;
  const auto* initial = static_cast<const std::byte*>(bpf_map__initial_value(constants, &size));
  std::vector<std::byte> bytes(initial, initial + size);
  const btf_type* type = btf__type_by_id(types, static_cast<unsigned>(section));
  const btf_var_secinfo* variables = btf_var_secinfos(type);
  for (unsigned i = 0; i < btf_vlen(type); ++i) {
    const btf_type* variable = btf__type_by_id(types, variables[i].type);
    if (std::string_view(btf__name_by_offset(types, variable->name_off)) != "config") continue;
    wire_config config{};
    config.has_cookies = 1;
    config.states_in = states_in;
    config.udp_peers = with_peers ? 1 : 0;
    (in_calls ? config.udp_in_calls : config.udp_in_packets) = WIRE_UDP_SENT | WIRE_UDP_RECEIVED;
    config.tcp_in_calls = exact_owners ? 1 : 0;
    config.late_openings = late_openings ? 1 : 0;
    std::memcpy(&bytes[variables[i].offset], &config, sizeof config);
  }
  require(bpf_map__set_initial_value(constants, bytes.data(), size) == 0, "set the constants");
}

// A set of programs, loaded once and attached for a while, repeatedly.
class Hooks {
 public:
  Hooks() = default;  // no programs
  explicit Hooks(std::string object) {
    const auto asks_for = [&object](std::string_view way) {
      if (!object.ends_with(way)) return false;
      object.resize(object.size() - way.size());
      return true;
    };
    const bool late_openings = asks_for("@late");
    const bool with_peers = asks_for("@peers");
    const bool exact_owners = asks_for("@exact");
    const bool by_calls = asks_for("@calls") || exact_owners;
    const bool by_protocol = asks_for("@tcp");
    const bool in_hash = asks_for("@hash") || by_protocol;
    if (in_hash) programs_.push_back(kEndProgram);
    require(sockscope::register_sections().has_value(), "prepare loading");
    object_.reset(bpf_object__open_file(object.c_str(), nullptr));
    require(object_ != nullptr, "open the programs");
    const auto add_if_there = [this](const char* name) {
      if (bpf_object__find_program_by_name(object_.get(), name)) programs_.push_back(name);
    };
    add_if_there(kCopyProgram);
    if (by_calls) std::for_each(kCallPrograms.begin(), kCallPrograms.end(), add_if_there);
    if (!by_calls || with_peers)
      std::for_each(kPacketPrograms.begin(), kPacketPrograms.end(), add_if_there);
    if (bpf_map* events = bpf_object__find_map_by_name(object_.get(), "events"))
      bpf_map__set_max_entries(events, kRingBytes);
    configure(object_.get(),
              static_cast<std::uint8_t>(by_protocol ? WIRE_STATES_BY_PROTOCOL
                                        : in_hash   ? WIRE_STATES_IN_HASH
                                                    : WIRE_STATES_IN_STORAGE),
              with_peers, by_calls, exact_owners, late_openings);
    if (with_peers)
      for (const char* name : {"udp_peers", "closed_udp"})
        bpf_map__set_max_entries(bpf_object__find_map_by_name(object_.get(), name), 1 << 14);
    for (const char* name : {"states", "listeners"}) {
      bpf_map* map = bpf_object__find_map_by_name(object_.get(), name);
      if (!in_hash || !map) continue;
      bpf_map__set_max_entries(map, 1 << 16);
      if (by_protocol) bpf_map__set_map_flags(map, BPF_F_NO_PREALLOC);
    }
    if (bpf_map* storage = bpf_object__find_map_by_name(object_.get(), "sockets");
        storage && by_protocol)
      bpf_map__set_map_flags(storage, BPF_F_NO_PREALLOC);
    std::vector<std::string> targets;
    for (const char* name : programs_) {
      bpf_program* const program = bpf_object__find_program_by_name(object_.get(), name);
      bpf_program__set_autoload(program, true);
      targets.push_back(sockscope::target_name(program));
    }
    const auto types = sockscope::read_kernel_types(targets, {});
    require(types.has_value(), "read the kernel's types");
    const sockscope::LoadingFor loading(types->targets);
    require(bpf_object__load(object_.get()) == 0, "load the programs");
    const int ring = bpf_object__find_map_fd_by_name(object_.get(), "events");
    if (ring < 0) return;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    consumer_ = static_cast<volatile unsigned long*>(
        ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0));
    producer_ = static_cast<volatile unsigned long*>(
        ::mmap(nullptr, page, PROT_READ, MAP_SHARED, ring, static_cast<off_t>(page)));
    require(consumer_ != MAP_FAILED && producer_ != MAP_FAILED, "map the ring");
  }

  void attach(int cgroup) {
    for (const char* name : programs_) {
      if (!object_) return;
      bpf_program* program = bpf_object__find_program_by_name(object_.get(), name);
      links_.emplace_back(std::string(name).starts_with("cgroup")
                              ? bpf_program__attach_cgroup(program, cgroup)
                              : bpf_program__attach_trace(program));
      require(links_.back() != nullptr, "attach a program");
    }
  }
  void detach() { links_.clear(); }
  void empty_ring() const {
    if (consumer_) *consumer_ = *producer_;
  }

 private:
  std::vector<const char*> programs_{kPrograms.begin(), kPrograms.end()};
  std::unique_ptr<bpf_object, ObjectDeleter> object_;
  std::vector<std::unique_ptr<bpf_link, LinkDeleter>> links_;
  volatile unsigned long* consumer_ = nullptr;
  volatile unsigned long* producer_ = nullptr;
};

// The sockets are new for each slice, so that the programs see their creation.
struct Traffic {
  std::optional<Listener> listener;
  Connection tcp;
  Connection udp;

  void open() {
    tcp = {};
    listener.reset();
    listener.emplace(loopback(kTrafficNet, 2));
    tcp = connect_without_delay(*listener);
    sockaddr_in address = loopback(kTrafficNet, 2);
    udp.server = bound_socket(SOCK_DGRAM, address);
    udp.client = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    require(::connect(udp.client.get(), generic(address), sizeof address) == 0, "connect");
  }

  static void send(const Fd& from, const Fd& to) {
    std::array<char, 64> message{};
    require(::send(from.get(), message.data(), message.size(), MSG_NOSIGNAL) == 64, "send");
    require(::recv(to.get(), message.data(), message.size(), MSG_WAITALL) == 64, "receive");
  }

  // Leaves no TIME_WAIT, so that ports do not run out.
  void churn() const {
    Connection connection;
    connection.client = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    require(::connect(connection.client.get(), generic(listener->address),
                      sizeof listener->address) == 0,
            "connect");
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    connection.server = Fd(
        ::accept4(listener->socket.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC));
    const linger reset{1, 0};
    require(::setsockopt(connection.client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0,
            "set SO_LINGER");
    connection.client.reset();
  }
};

struct Workload {
  const char* name;
  int count;
  std::function<void(const Traffic&)> operation;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int run(const std::vector<std::string>& objects) {
  pin_to_core(0);
  const std::string mount =
      sockscope::find_cgroup2_mount(sockscope::read_text("/proc/self/mounts")).value_or("");
  const Fd cgroup(::open(mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<Hooks> hooks;
  hooks.emplace_back();
  for (const std::string& object : objects) hooks.emplace_back(object);
  const std::array<Workload, 3> workloads = {{
      {"64 B to a TCP socket and back", 2'000,
       [](const Traffic& t) {
         Traffic::send(t.tcp.client, t.tcp.server);
         Traffic::send(t.tcp.server, t.tcp.client);
       }},
      {"64 B datagram", 5'000, [](const Traffic& t) { Traffic::send(t.udp.client, t.udp.server); }},
      {"connect, accept, reset", 500, [](const Traffic& t) { t.churn(); }},
  }};
  std::string head = "| workload | ns alone |";
  std::string rule = "|---|---|";
  for (const std::string& object : objects) {
    head += fmt::format(" {} |", object);
    rule += "---|";
  }
  fmt::print("{}\n{}\n", head, rule);
  Traffic traffic;
  for (const Workload& workload : workloads) {
    std::vector<std::vector<double>> ratios(hooks.size());
    std::vector<double> alone;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<double> ns(hooks.size());
      for (std::size_t i = 0; i < hooks.size(); ++i) {
        const std::size_t which = (i + static_cast<std::size_t>(round)) % hooks.size();
        Hooks& attached = hooks[which];
        attached.attach(cgroup.get());
        traffic.open();
        for (int k = 0; k < workload.count / 5; ++k) workload.operation(traffic);
        const std::uint64_t began = mono_now_ns();
        for (int k = 0; k < workload.count; ++k) {
          workload.operation(traffic);
          if (k % 64 == 0) attached.empty_ring();
        }
        ns[which] = static_cast<double>(mono_now_ns() - began) / workload.count;
        attached.empty_ring();
        attached.detach();
      }
      alone.push_back(ns[0]);
      for (std::size_t i = 0; i < hooks.size(); ++i) ratios[i].push_back(ns[i] / ns[0]);
    }
    fmt::print("| {} | {:.0f} |", workload.name, median(alone));
    for (std::size_t i = 1; i < hooks.size(); ++i) fmt::print(" {:.3f} |", median(ratios[i]));
    fmt::print("\n");
  }
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_hooks OBJECT.bpf.o ...\n");
    return 2;
  }
  return bench::run({argv + 1, argv + argc});
}
