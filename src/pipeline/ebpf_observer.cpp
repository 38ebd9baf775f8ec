// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/kernel_namespace.h"
#include "decode/process_record.h"
#include "decode/quic.h"
#include "decode/record.h"
#include "pipeline/observer.h"
#include "pipeline/tracker.h"
#include "source/conntrack/conntrack.h"
#include "source/ebpf/programs.h"
#include "source/ebpf/ring_reader.h"
#include "wire/control.h"

namespace sockscope {
namespace {

std::uint32_t copy_ranges(const std::vector<PortRange>& from, wire_port_range* to) {
  if (from.size() > WIRE_FILTER_PORTS)
    return 0;  // more than the kernel programs have room for:
               // user space filters
  std::transform(from.begin(), from.end(), to, [](const PortRange& range) {
    return wire_port_range{range.first, range.last};
  });
  return static_cast<std::uint32_t>(from.size());
}

bool wants_connections(const Options& options) {
  return options.connections || options.states || options.attempts || options.data;
}

// What is known of a process stays true only if its execs and changes of user are seen.
bool follows_processes(const Options& options) {
  return options.processes || (wants_description(options) && wants_connections(options));
}

wire_config make_config(const Options& options, const FlowMatcher& matcher) {
  wire_config config{};
  config.home_netns = home_netns();
  config.observe = (options.attempts ? WIRE_OBSERVE_ATTEMPTS : 0u) |
                   (options.states ? WIRE_OBSERVE_STATES : 0u) |
                   (options.data ? WIRE_OBSERVE_DATA : 0u);
  config.late_openings = options.late_openings ? 1 : 0;
  const Filter& filter = options.filter;
  if (filter.pids.size() <= WIRE_FILTER_PIDS) {
    std::copy(filter.pids.begin(), filter.pids.end(), config.pids);
    config.pid_count = static_cast<std::uint32_t>(filter.pids.size());
  }
  if (matcher.has_plain_name())
    std::memcpy(config.comm, filter.comm.data(),
                std::min(filter.comm.size(), sizeof config.comm - 1));
  config.any_port_count = copy_ranges(filter.any_ports, config.any_ports);
  config.local_port_count = copy_ranges(filter.local_ports, config.local_ports);
  config.remote_port_count = copy_ranges(filter.remote_ports, config.remote_ports);
  return config;
}

class EbpfObserver : public Observer {
 public:
  EbpfObserver(const Options& options, Programs loaded, RingReader reader)
      : programs_(std::move(loaded)),
        ring_(std::move(reader)),
        traits_{.follows_owners = wants_connections(options),
                .has_udp_peers = programs_.is_made(Observation::kUdpPeers),
                .follows_processes = follows_processes(options),
                .process_events = process_events_of(programs_),
                // Where they are found among all open files, that takes too long.
                .reads_foreign_listeners = programs_.is_made(Observation::kForeignSockets) &&
                                           !programs_.shows_only_held_foreign_sockets()},
        wants_holders_(options.holders),
        counts_udp_(programs_.is_made(Observation::kUdpSent) &&
                    programs_.is_made(Observation::kUdpReceived)) {}

  Traits traits() const override { return traits_; }
  std::vector<Door> doors() const override { return programs_.doors(); }

  Result<void> deliver(Tracker& to) override {
    to.count_records(ring_.drain([&](std::span<const std::byte> record) {
      if (!take(record, to)) ++lost_.malformed;
    }));
    return {};
  }

  Result<void> read_owners(std::uint64_t earlier_ns) override {
    wire_control& control = programs_.control();
    control.earlier_pass_ns = earlier_ns;
    __atomic_store_n(&control.file_pass, control.file_pass + 1, __ATOMIC_RELEASE);
    return programs_.read(Observation::kOlderOwners, [](auto) {});
  }

  void begin_pass(std::uint64_t) override {
    wire_control& control = programs_.control();
    __atomic_store_n(&control.earlier_pass, control.pass, __ATOMIC_RELEASE);
    __atomic_store_n(&control.pass, static_cast<std::uint8_t>(control.pass % 255 + 1),
                     __ATOMIC_SEQ_CST);
  }

  Result<void> read_sockets(Tracker& to, bool only_figures) override {
    set_pass(only_figures ? WIRE_PASS_SHORT : WIRE_PASS_WHOLE);
    PolledSocket socket;
    const auto take_socket = [&](std::span<const std::byte> bytes) {
      bool is_short = false;
      const std::size_t size = decode_socket(bytes, socket, is_short);
      if (size == 0) return size;
      if (!counts_udp_ && socket.flow.protocol == Protocol::kUdp) socket.flow.has_counters = false;
      if (socket.drops) to.show_queue(socket);
      if (is_short) {
        to.show_figures(socket.flow);
        return size;
      }
      socket.flow.conn_id = to.connection_ids().of_tcp(decode_isns(bytes));
      to.show(socket.flow, decode_opening(bytes));
      return size;
    };
    auto done = read(Observation::kTcpSockets, take_socket);
    if (done) done = read(Observation::kUdpSockets, take_socket);
    if (done && programs_.control().foreign_netns != 0)
      done = read(Observation::kForeignSockets, take_socket);
    return done;
  }

  Result<void> read_foreign_listeners(const HandleListener& handle) override {
    if (programs_.control().foreign_netns == 0) return {};
    set_pass(WIRE_PASS_LISTENERS);
    PolledSocket socket;
    return read(Observation::kForeignSockets, [&](std::span<const std::byte> bytes) {
      bool is_short = false;
      const std::size_t size = decode_socket(bytes, socket, is_short);
      if (size != 0 && socket.drops) handle(socket);
      return size;
    });
  }

  // A connection that no process has open may be missing in the pass; its close will be reported.
  // Listeners and UDP sockets are open in some process as long as they exist.
  bool may_hide(const Flow& flow) const override {
    return programs_.shows_only_held_foreign_sockets() && flow.netns != home_netns_ &&
           flow.protocol == Protocol::kTcp && flow.direction != Direction::kListen;
  }

  Result<bool> read_processes(const HandleProcess& handle) override {
    if (!programs_.is_made(Observation::kProcessList)) return false;
    ProcessInfo info;
    auto done = read(Observation::kProcessList, [&](std::span<const std::byte> bytes) {
      const std::size_t size = decode_process(bytes, info);
      if (size != 0) handle(info);
      return size;
    });
    return done.map([] { return true; });
  }

  Result<std::uint64_t> read_udp_peers(const HandlePeer& handle) override {
    const std::uint64_t made = __atomic_load_n(&programs_.control().peers_made, __ATOMIC_RELAXED);
    auto removed = programs_.read_udp_peers(
        [&](const wire_udp_peer_key& key, const wire_udp_peer& value, bool is_closed) {
          UdpPeer peer;
          if (!decode_udp_peer(key, value, peer)) {
            ++lost_.malformed;
            return;
          }
          peer.socket_closed = is_closed;
          handle(peer);
        });
    if (!removed) return tl::make_unexpected(std::move(removed).error());
    peers_removed_ += *removed;
    return made - std::min(made, peers_removed_);
  }

  // Adds which processes have each socket open.
  Result<void> complete(Snapshot& snapshot) override {
    if (!wants_holders_) return {};
    std::unordered_map<std::uint64_t, std::shared_ptr<std::vector<SocketHolder>>> holders;
    std::uint64_t cookie = 0;
    SocketHolder holder;
    auto done = read(Observation::kHolders, [&](std::span<const std::byte> bytes) {
      const std::size_t size = decode_holder(bytes, cookie, holder);
      if (size == 0) return size;
      auto& list = holders[cookie];
      if (!list) list = std::make_shared<std::vector<SocketHolder>>();
      // The kernel lists files by process and then by descriptor.
      if (list->empty() || list->back().pid != holder.pid) list->push_back(holder);
      return size;
    });
    if (!done) return done;
    for (Flow& flow : snapshot.flows) {
      const auto found = holders.find(flow.cookie);
      flow.holders = found != holders.end() && flow.cookie != 0
                         ? found->second
                         : std::make_shared<std::vector<SocketHolder>>();
    }
    return {};
  }

  Loss loss(bool exactly) override {
    const wire_control& control = programs_.control();
    lost_.ring_full = 0;
    for (const std::uint64_t& count : control.lost_ring)
      lost_.ring_full += __atomic_load_n(&count, __ATOMIC_RELAXED);
    lost_.storage_failed = __atomic_load_n(&control.lost_storage, __ATOMIC_RELAXED);
    lost_.missed_returns = __atomic_load_n(&control.missed_returns, __ATOMIC_RELAXED);
    if (const std::uint64_t now = mono_now_ns(); exactly || now >= runs_not_before_ns_) {
      lost_.missed_runs = programs_.missed_runs();
      runs_not_before_ns_ = now + 1'000'000'000;
    }
    return lost_;
  }

  int fd() const noexcept override { return programs_.ring_fd(); }

  // While records keep coming, the kernel programs are not asked to wake this process.
  bool rest(Waker&, bool busy) override {
    if (busy) return false;
    std::uint32_t& waiting = programs_.control().reader_waiting;
    __atomic_store_n(&waiting, 1, __ATOMIC_SEQ_CST);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!ring_.has_pending()) return true;
    __atomic_store_n(&waiting, 0, __ATOMIC_SEQ_CST);
    return false;
  }

 private:
  void set_pass(std::uint32_t kind) {
    __atomic_store_n(&programs_.control().pass_kind, kind, __ATOMIC_RELEASE);
  }
  static ProcessEventMask process_events_of(const Programs& programs) {
    ProcessEventMask made = 0;
    for (const auto& [kind, observation] : kProcessObservations)
      if (programs.is_made(observation)) made |= mask_of(kind);
    return made;
  }

  // False: the record cannot be read.
  bool take(std::span<const std::byte> record, Tracker& to) {
    if (is_dns_record(record)) {
      DnsPayload payload;
      if (!decode_dns_packet(record, dns_packet_, payload)) return false;
      to.take_dns_packet(dns_packet_, payload);
    } else if (is_datagram_record(record)) {
      Datagram datagram;
      if (!decode_datagram(record, datagram)) return false;
      if (is_quic_initial(datagram.start, datagram.whole_size)) to.take_quic(datagram.socket);
    } else if (is_process_record(record)) {
      ProcessEvent happened;
      ProcessInfo seen;
      if (!decode_process_event(record, happened, seen)) return false;
      to.take_process(happened, seen);
    } else {
      if (!decode_event(record, event_)) return false;
      if (!counts_udp_ && event_.flow.protocol == Protocol::kUdp) event_.flow.has_counters = false;
      event_.flow.conn_id = to.connection_ids().of_tcp(decode_isns(record));
      to.take(event_, decode_opening(record));
    }
    return true;
  }

  // decode(bytes) takes a record from the beginning of the bytes and returns its size; 0: it cannot
  // be read.
  template <class Decode>
  Result<void> read(Observation pass, Decode&& decode) {
    return programs_.read(pass, [&](std::span<const std::byte> bytes) {
      while (!bytes.empty()) {
        const std::size_t size = decode(bytes);
        if (size == 0) {
          ++lost_.malformed;
          return;
        }
        bytes = bytes.subspan(size);
      }
    });
  }

  Programs programs_;
  RingReader ring_;
  Traits traits_;
  bool wants_holders_;
  bool counts_udp_;  // with hooks for UDP only
  const std::uint32_t home_netns_ = home_netns();
  Loss lost_;
  std::uint64_t runs_not_before_ns_ = 0;
  std::uint64_t peers_removed_ = 0;  // removed from the kernel's map because their socket closed
  // Records are decoded into these; members, because they are large.
  Event event_;
  Event dns_packet_;
};

}  // namespace

ObserverResult open_ebpf_observer(const Options& options, const FlowMatcher& matcher) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  Programs::Wanted wanted;
  wanted.connections = wants_connections(options);
  wanted.exact_owners = wanted.connections && (options.exact_owners || options.data);
  wanted.quality = options.quality;
  wanted.doors = options.doors;
  wanted.processes = follows_processes(options);
  wanted.process_table = options.processes || wants_description(options);
  wanted.holders = options.holders;
  wanted.dns = options.dns || options.names;
  wanted.translated_dns = options.translations && Conntrack::is_in_use();
  wanted.refusals = options.refusals;
  wanted.udp_peers = options.udp_peers ? std::max(options.max_udp_peers, 1u) : 0;
  const bool events =
      wanted.connections || wanted.quality || wanted.processes || wanted.dns || wanted.refusals;
  wanted.ring_bytes = events ? std::bit_ceil(std::max(options.ring_bytes, page)) : page;
  wanted.config = make_config(options, matcher);
  auto programs = Programs::load(wanted);
  if (!programs) return tl::make_unexpected(std::move(programs).error());
  // Finds the owners of sockets that existed before. Done after attaching, so that no socket is
  // missed in between; sockets whose owner the hooks already know keep it.
  if (auto done = programs->read(Observation::kOlderOwners, [](auto) {}); !done)
    return tl::make_unexpected(std::move(done).error());
  auto ring = RingReader::open(programs->ring_fd(), programs->ring_bytes());
  if (!ring) return tl::make_unexpected(std::move(ring).error());
  return std::make_unique<EbpfObserver>(options, std::move(*programs), std::move(*ring));
}

}  // namespace sockscope
