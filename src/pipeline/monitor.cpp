// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <sockscope/monitor.h>

#include "base/clock.h"
#include "base/fd.h"
#include "decode/record.h"
#include "model/match.h"
#include "source/ebpf/observations.h"
#include "source/ebpf/programs.h"
#include "source/ebpf/ring_reader.h"
#include "track/flow_table.h"
#include "track/owner_settler.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::uint32_t home_netns() {
  struct stat status {};
  return ::stat("/proc/thread-self/ns/net", &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

std::uint32_t copy_ranges(const std::vector<PortRange>& from, wire_port_range* to) {
  if (from.size() > WIRE_FILTER_PORTS) return 0;  // too many for the kernel: user space filters
  std::transform(from.begin(), from.end(), to, [](const PortRange& range) {
    return wire_port_range{range.first, range.last};
  });
  return static_cast<std::uint32_t>(from.size());
}

wire_config make_config(const Options& options, const FlowMatcher& matcher) {
  wire_config config{};
  config.home_netns = home_netns();
  config.observe = (options.attempts ? WIRE_OBSERVE_ATTEMPTS : 0u) |
                   (options.states ? WIRE_OBSERVE_STATES : 0u) |
                   (options.data ? WIRE_OBSERVE_DATA : 0u);
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

bool is_running(std::uint32_t pid) {
  return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

}  // namespace

struct Monitor::Impl {
  Impl(const Options& options, FlowMatcher compiled, Programs loaded, RingReader reader)
      : batch_ns(static_cast<std::uint64_t>(options.batch.count()) * 1'000'000),
        matcher(std::move(compiled)),
        programs(std::move(loaded)),
        ring(std::move(reader)),
        table({static_cast<std::uint64_t>(options.keep_closed.count()) * 1'000'000,
               options.max_closed}),
        settler(static_cast<std::uint64_t>(options.settle_owner.count()) * 1'000'000) {}

  Result<void> make_pollable();
  void set_timer(std::uint64_t after_ns) const;
  std::size_t hand_over(const Event& ready, const Handler& handler) const;
  std::size_t drain(const Handler* handler);
  void note_loss(const Handler* handler);
  Result<void> read_sockets(bool is_short_pass);
  Result<void> sync(const Handler* handler);
  void rest_until_more();

  std::uint64_t batch_ns;
  FlowMatcher matcher;
  Programs programs;
  RingReader ring;
  FlowTable table;
  OwnerSettler settler;
  Fd epoll;
  Fd timer;
  Loss lost;
  Loss reported;                   // in gaps
  std::uint64_t records_lost = 0;  // that a pass was asked for
  Cost cost;
  Event event;
  bool resync_wanted = false;
  bool follows_events = false;  // owners are followed by hooks
  bool counts_udp = false;      // and so are the bytes of UDP
  bool owners_known = false;    // by a whole pass, since when nothing was lost
  std::vector<std::uint64_t> strangers;
  std::uint64_t resync_not_before_ns = 0;
  std::uint64_t expire_at_ns = 0;
};

Result<void> Monitor::Impl::make_pollable() {
  epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
  timer = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (!epoll || !timer ||
      ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, programs.ring_fd(), &wanted) != 0 ||
      ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, timer.get(), &wanted) != 0)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "make a pollable file"));
  return {};
}

void Monitor::Impl::set_timer(std::uint64_t after_ns) const {
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(after_ns / kSecond);
  when.it_value.tv_nsec = static_cast<long>(after_ns % kSecond);
  ::timerfd_settime(timer.get(), 0, &when, nullptr);
}

// What the kernel programs could not hand over comes to light here.
void Monitor::Impl::note_loss(const Handler* handler) {
  const wire_control& control = programs.control();
  lost.ring_full = 0;
  for (const std::uint64_t& count : control.lost_ring)
    lost.ring_full += __atomic_load_n(&count, __ATOMIC_RELAXED);
  lost.storage_failed = __atomic_load_n(&control.lost_storage, __ATOMIC_RELAXED);
  lost.missed_returns = __atomic_load_n(&control.missed_returns, __ATOMIC_RELAXED);
  // What the kernel could not remember no pass can tell either.
  if (const std::uint64_t records = lost.ring_full + lost.malformed; records != records_lost) {
    records_lost = records;
    resync_wanted = true;
    owners_known = false;
  }
  if (!handler || lost == reported) return;
  Event gap;
  gap.kind = EventKind::kGap;
  gap.mono_ns = event.mono_ns != 0 ? event.mono_ns : mono_now_ns();  // after the last one read
  gap.lost = {.ring_full = lost.ring_full - reported.ring_full,
              .storage_failed = lost.storage_failed - reported.storage_failed,
              .malformed = lost.malformed - reported.malformed,
              .missed_returns = lost.missed_returns - reported.missed_returns};
  settler.add(gap, [&](const Event& ready) { hand_over(ready, *handler); });
  reported = lost;
}

// Returns how many: one, or none when the filter does not want it.
std::size_t Monitor::Impl::hand_over(const Event& ready, const Handler& handler) const {
  if (ready.kind != EventKind::kGap && !matcher(ready.flow)) return 0;
  handler(ready);
  return 1;
}

std::size_t Monitor::Impl::drain(const Handler* handler) {
  std::size_t handed_over = 0;
  const auto take = [&](const Event& ready) { handed_over += hand_over(ready, *handler); };
  const std::uint64_t now = mono_now_ns();
  cost.events += ring.drain([&](std::span<const std::byte> bytes) {
    if (!decode_event(bytes, event)) {
      ++lost.malformed;
      return;
    }
    if (!counts_udp && event.flow.protocol == Protocol::kUdp) event.flow.has_counters = false;
    const bool is_news = table.apply(event);
    if (!handler) return;
    is_news ? settler.add(event, take) : settler.confirm(event, take);
  });
  if (handler) settler.release(now, take);
  return handed_over;
}

// Reads the sockets' tables. A short pass reads only figures of connections that events announced;
// those it shows although nobody announced them are collected in `strangers`.
Result<void> Monitor::Impl::read_sockets(bool is_short_pass) {
  __atomic_store_n(&programs.control().short_pass, is_short_pass ? 1 : 0, __ATOMIC_RELEASE);
  strangers.clear();
  Flow flow;
  auto take_records = [&](std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      bool is_short = false;
      const std::size_t size = decode_socket(bytes, flow, is_short);
      if (size == 0) {
        ++lost.malformed;
        return;
      }
      // Without its hooks UDP is not counted.
      if (!counts_udp && flow.protocol == Protocol::kUdp) flow.has_counters = false;
      if (!is_short)
        table.sync(flow);
      else if (!table.sync_counters(flow))
        strangers.push_back(flow.cookie);
      bytes = bytes.subspan(size);
    }
  };
  auto done = programs.read(Programs::Pass::kTcp, take_records);
  if (done) done = programs.read(Programs::Pass::kUdp, take_records);
  if (done && programs.control().foreign_netns != 0)
    done = programs.read(Programs::Pass::kForeign, take_records);
  return done;
}

Result<void> Monitor::Impl::sync(const Handler* handler) {
  const std::uint64_t began = mono_now_ns();
  drain(handler);
  table.begin_sync(mono_now_ns());
  if (auto done = read_sockets(owners_known); !done) return done;
  drain(handler);
  // A stranger established itself during the pass, and its event has come by now; or its event was
  // never to be had.
  if (!std::all_of(strangers.begin(), strangers.end(),
                   [this](std::uint64_t cookie) { return table.contains(cookie); })) {
    if (auto done = read_sockets(false); !done) return done;
    drain(handler);
  }
  table.end_sync();
  const std::uint64_t now = mono_now_ns();
  cost.snapshot_ns = now - began;
  resync_wanted = false;
  owners_known = follows_events;
  // Healing must not become a load of its own while the loss goes on.
  resync_not_before_ns = now + std::max(kSecond, 20 * cost.snapshot_ns);
  return {};
}

// Sleep until a batch is worth waking for: while records keep coming look again after batch_ns,
// else let the first record wake us.
void Monitor::Impl::rest_until_more() {
  std::uint32_t& waiting = programs.control().reader_waiting;
  __atomic_store_n(&waiting, 1, __ATOMIC_SEQ_CST);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (ring.has_pending()) {
    __atomic_store_n(&waiting, 0, __ATOMIC_SEQ_CST);
    set_timer(batch_ns);
  } else {
    const std::uint64_t now = mono_now_ns();
    set_timer(!resync_wanted ? 0
                             : std::max(batch_ns, resync_not_before_ns > now
                                                      ? resync_not_before_ns - now
                                                      : std::uint64_t{0}));
  }
}

Result<Monitor> Monitor::open(const Options& options) {
  if (options.batch.count() <= 0 || options.keep_closed.count() < 0 ||
      options.settle_owner.count() < 0)
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {}, "use a time in the options that is not positive"));
  if (options.ring_bytes > std::size_t{1} << 31)
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {}, "make a ring buffer of more than 2 GiB"));
  auto matcher = FlowMatcher::compile(options.filter);
  if (!matcher) return tl::make_unexpected(std::move(matcher).error());

  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  Programs::Wanted wanted;
  wanted.connections = options.connections || options.states || options.attempts || options.data;
  wanted.quality = options.quality;
  wanted.doors = options.doors;
  const bool events = wanted.connections || wanted.quality;
  wanted.ring_bytes = events ? std::bit_ceil(std::max(options.ring_bytes, page)) : page;
  wanted.config = make_config(options, *matcher);
  auto programs = Programs::load(wanted);
  if (!programs) return tl::make_unexpected(std::move(programs).error());
  auto ring = RingReader::open(programs->ring_fd(), programs->ring_bytes());
  if (!ring) return tl::make_unexpected(std::move(ring).error());

  auto impl = std::make_unique<Impl>(options, std::move(*matcher), std::move(*programs),
                                     std::move(*ring));
  impl->follows_events = wanted.connections;
  impl->counts_udp = impl->programs.is_made(kUdpSent) && impl->programs.is_made(kUdpReceived);
  if (auto done = impl->make_pollable(); !done) return tl::make_unexpected(std::move(done).error());
  // After attaching, so that no socket falls between; sockets the hooks already know keep what
  // they know.
  std::uint32_t& pass_pid = impl->programs.control().pass_pid;
  __atomic_store_n(&pass_pid, static_cast<std::uint32_t>(::getpid()), __ATOMIC_SEQ_CST);
  auto owners = impl->programs.read(Programs::Pass::kOwners, [](auto) {});
  __atomic_store_n(&pass_pid, 0, __ATOMIC_SEQ_CST);
  if (!owners) return tl::make_unexpected(std::move(owners).error());
  impl->rest_until_more();
  return Monitor(std::move(impl));
}

Monitor::Monitor(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Monitor::Monitor(Monitor&&) noexcept = default;
Monitor& Monitor::operator=(Monitor&&) noexcept = default;
Monitor::~Monitor() = default;

int Monitor::fd() const noexcept { return impl_->epoll.get(); }

Result<std::size_t> Monitor::consume(const Handler& handler) {
  Impl& impl = *impl_;
  ++impl.cost.wakeups;
  const std::uint64_t drained_before = impl.cost.events;
  impl.note_loss(&handler);
  const std::size_t count = impl.drain(&handler);
  const std::uint64_t now = mono_now_ns();
  if (impl.resync_wanted && now >= impl.resync_not_before_ns) {
    if (auto done = impl.sync(&handler); !done) return tl::make_unexpected(std::move(done).error());
    ++impl.cost.resyncs;
  }
  if (now >= impl.expire_at_ns) {
    impl.table.expire(now, is_running);
    impl.expire_at_ns = now + kSecond;
  }
  if (impl.cost.events == drained_before && impl.settler.empty())
    impl.rest_until_more();
  else
    impl.set_timer(impl.batch_ns);
  return count;
}

Result<std::size_t> Monitor::finish(const Handler& handler) {
  auto count = consume(handler);
  if (!count) return count;
  impl_->settler.release_all(
      [&](const Event& ready) { *count += impl_->hand_over(ready, handler); });
  return count;
}

Result<std::size_t> Monitor::poll(std::chrono::milliseconds timeout, const Handler& handler) {
  pollfd wanted{.fd = fd(), .events = POLLIN, .revents = 0};
  const auto limit = std::min<std::int64_t>(timeout.count(), INT32_MAX);
  const int ready = ::poll(&wanted, 1, limit < 0 ? -1 : static_cast<int>(limit));
  if (ready < 0 && errno != EINTR)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "wait for events"));
  if (ready <= 0) return 0;
  return consume(handler);
}

Result<Snapshot> Monitor::snapshot(const Handler& handler) {
  Impl& impl = *impl_;
  const Handler* receiver = handler ? &handler : nullptr;
  impl.note_loss(receiver);
  if (auto done = impl.sync(receiver); !done) return tl::make_unexpected(std::move(done).error());
  Snapshot snapshot;
  const std::uint64_t now = mono_now_ns();
  impl.table.expire(now, is_running);
  FlowTable::Wanted wanted;
  if (!impl.matcher.matches_all()) wanted = std::cref(impl.matcher);
  impl.table.take(now, wanted, snapshot);
  snapshot.wall_ns = static_cast<std::uint64_t>(static_cast<std::int64_t>(snapshot.mono_ns) +
                                                mono_to_wall_ns());
  snapshot.lost = impl.lost;
  snapshot.doors = impl.programs.doors();
  if (impl.settler.empty())
    impl.rest_until_more();
  else
    impl.set_timer(impl.batch_ns);
  return snapshot;
}

const Loss& Monitor::loss() const noexcept { return impl_->lost; }

Cost Monitor::cost() const noexcept {
  Cost cost = impl_->cost;
  cost.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  return cost;
}

const std::vector<Door>& Monitor::doors() const noexcept { return impl_->programs.doors(); }

std::int64_t mono_to_wall_ns() noexcept {
  return static_cast<std::int64_t>(clock_ns(CLOCK_REALTIME)) -
         static_cast<std::int64_t>(clock_ns(CLOCK_MONOTONIC));
}

}  // namespace sockscope
