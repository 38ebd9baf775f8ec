// SPDX-License-Identifier: Apache-2.0
// How many events a second user space handles on one core: records from a ring through decoding
// into the flow table, and as JSON text; and how often it allocates memory meanwhile.
//
// The ring is real (RingReader maps it and moves its positions), but its memory is a plain file,
// and this program plays the kernel: it writes full rings of made-up records outside the measured
// time.
#include <fcntl.h>
#include <fmt/format.h>
#include <sockscope/alert.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mmap.h"
#include "decode/record.h"
#include "format/json.h"
#include "pipeline/tracker.h"
#include "source/ebpf/ring_reader.h"
#include "track/flow_table.h"
#include "track/owner_settler.h"
#include "wire/record.h"

namespace {
std::size_t g_allocations = 0;  // only one thread counts
}

void* operator new(std::size_t size) {
  ++g_allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace bench {
namespace {

using namespace sockscope;

constexpr std::size_t kRingBytes = std::size_t{4} << 20;
constexpr std::uint64_t kConnectionNs = 33'000;  // 30,000 connections a second
constexpr std::uint64_t kOpenConnections = 5'000;
constexpr std::uint32_t kProcesses = 100;

// The kernel's end of a ring buffer: the same layout, a page for each position, then the data
// twice.
class FakeRing {
 public:
  FakeRing()
      : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
        file_(::memfd_create("ring", MFD_CLOEXEC)) {
    const std::size_t size = 2 * page_ + 2 * kRingBytes;
    if (::ftruncate(file_.get(), static_cast<off_t>(size)) == 0)
      memory_ = Mapping(file_.get(), size, PROT_READ | PROT_WRITE, 0);
    if (!memory_) std::abort();
  }

  int fd() const { return file_.get(); }

  // False when there is no more room.
  bool put(const void* record, std::uint32_t size) {
    std::uint64_t& producer = *reinterpret_cast<std::uint64_t*>(memory_.data() + page_);
    const std::uint64_t consumer = *reinterpret_cast<std::uint64_t*>(memory_.data());
    const std::uint64_t room = (size + 8 + 7) & ~std::uint64_t{7};
    if (producer + room - consumer > kRingBytes) return false;
    const std::uint32_t header[2] = {size, 0};
    copy_in(producer, header, sizeof header);
    copy_in(producer + sizeof header, record, size);
    producer += room;
    return true;
  }

 private:
  void copy_in(std::uint64_t position, const void* bytes, std::size_t size) {
    std::byte* data = memory_.data() + 2 * page_;
    const std::size_t offset = position & (kRingBytes - 1);
    std::memcpy(data + offset, bytes, size);  // may run over the end, into the second copy
    const std::size_t first = std::min(size, kRingBytes - offset);
    std::memcpy(data, static_cast<const std::byte*>(bytes) + first, size - first);
  }

  std::size_t page_;
  Fd file_;
  Mapping memory_;
};

// Connections between processes of this host. Each makes four records: connect, accept, and a close
// of each end kOpenConnections later. Every connection has new cookies.
class Traffic {
 public:
  void fill(FakeRing& ring) {
    for (;;) {
      const wire_flow_totals record = record_of(step_);
      if (!ring.put(&record, record.flow.header.size)) return;
      ++step_;
    }
  }
  std::uint64_t now_ns() const { return kBeginNs + step_ / 4 * kConnectionNs; }

 private:
  static constexpr std::uint64_t kBeginNs = 1'000'000'000'000;

  static wire_flow_totals record_of(std::uint64_t step) {
    const std::uint64_t opening = step / 4;
    const bool closes = step % 4 >= 2;
    const bool accepted = step % 2 == 1;
    // Until the first close is due, other connections are closed.
    const std::uint64_t number = closes ? opening : opening + kOpenConnections;
    wire_flow_totals record{};
    wire_flow& flow = record.flow;
    flow.header = {.type = static_cast<std::uint16_t>(closes     ? WIRE_CLOSE
                                                      : accepted ? WIRE_ACCEPT
                                                                 : WIRE_CONNECT_V4),
                   .size = static_cast<std::uint16_t>(closes ? sizeof record : sizeof flow),
                   .netns = 4026531840,
                   .mono_ns = kBeginNs + opening * kConnectionNs};
    flow.cookie = 2 * number + (accepted ? 1 : 0) + 1;
    flow.since_ns = kBeginNs + (closes ? opening - std::min(opening, kOpenConnections) : opening) *
                                   kConnectionNs;
    flow.cgroup_id = 1234;
    const std::uint8_t client[4] = {10, 0, static_cast<std::uint8_t>(number >> 8),
                                    static_cast<std::uint8_t>(number)};
    const std::uint8_t server[4] = {10, 1, 0, 1};
    std::memcpy(flow.local_addr, accepted ? server : client, 4);
    std::memcpy(flow.remote_addr, accepted ? client : server, 4);
    const auto client_port = static_cast<std::uint16_t>(32768 + number % 28000);
    flow.local_port = accepted ? 443 : client_port;
    flow.remote_port = accepted ? client_port : 443;
    flow.family = 2;
    flow.protocol = 6;
    flow.state = closes ? 7 : 1;
    flow.old_state = closes ? 9 : 2;
    flow.direction = accepted ? WIRE_DIRECTION_INBOUND : WIRE_DIRECTION_OUTBOUND;
    flow.owner = accepted && !closes ? WIRE_OWNER_INHERITED : WIRE_OWNER_EXACT;
    flow.pid = accepted ? 1000 : 2000 + static_cast<std::uint32_t>(number % kProcesses);
    flow.opener_pid = flow.pid;
    flow.process_start_ns = flow.pid * 1'000'000ull;
    flow.uid = 33;
    flow.value = 120;
    const auto isn = static_cast<std::uint32_t>(number * 2'654'435'761u);
    flow.local_isn = accepted ? ~isn : isn;
    flow.remote_isn = ~flow.local_isn;
    std::memcpy(flow.comm, accepted ? "nginx" : "curl", accepted ? 6 : 5);
    record.tx_bytes = 500 + number % 1000;
    record.rx_bytes = 20'000 + number % 5000;
    record.tx_segments = 6;
    record.rx_segments = 18;
    record.srtt_us = 180;
    record.min_rtt_us = 90;
    return record;
  }

  std::uint64_t step_ = 0;
};

// Passes everything from a ring to a Tracker.
class RingObserver : public Observer {
 public:
  Traits traits() const override { return {}; }
  std::vector<Door> doors() const override { return {}; }
  Result<void> deliver(Tracker& to) override {
    to.count_records(ring->drain([&](auto bytes) {
      if (!decode_event(bytes, event_)) std::abort();
      event_.flow.conn_id = to.connection_ids().of_tcp(decode_isns(bytes));
      to.take(event_);
    }));
    return {};
  }
  Result<void> read_sockets(Tracker&, bool) override { return {}; }
  Loss loss(bool) override { return {}; }
  bool rest(Waker&, bool busy) override { return !busy; }

  RingReader* ring = nullptr;

 private:
  Event event_;
};

struct Figures {
  std::vector<double> events_per_second;
  std::size_t events = 0;
  std::size_t allocations = 0;
};

// Drains `rounds` full rings. The first `warm_up` of them do not count, because tables grow in
// them.
template <class Drain>
Figures measure(int warm_up, int rounds, Drain&& drain) {
  FakeRing ring;
  auto reader = RingReader::open(ring.fd(), kRingBytes);
  if (!reader) std::abort();
  Traffic traffic;
  Figures figures;
  for (int round = 0; round < warm_up + rounds; ++round) {
    traffic.fill(ring);
    const std::size_t allocations = g_allocations;
    const std::uint64_t began = mono_now_ns();
    const std::size_t events = drain(*reader, traffic.now_ns());
    const auto took = static_cast<double>(mono_now_ns() - began);
    if (round < warm_up) continue;
    figures.events += events;
    figures.allocations += g_allocations - allocations;
    figures.events_per_second.push_back(static_cast<double>(events) / took * 1e9);
  }
  return figures;
}

void print(const char* what, Figures figures, const char* target) {
  std::vector<double>& rates = figures.events_per_second;
  std::sort(rates.begin(), rates.end());
  fmt::print("| {} | {:.2f} | {:.2f} | {:.0f} | {} | {} | {} |\n", what,
             rates[rates.size() / 2] / 1e6, rates.back() / 1e6, 1e9 / rates[rates.size() / 2],
             figures.events, figures.allocations, target);
}

void run(int rounds) {
  constexpr int kWarmUp = 10;
  Event event;
  fmt::print(
      "Full rings of {} MiB, drained on one core; medians of {} rings\n\n"
      "| from ring to | million events/s | best | ns/event | events | allocations | target |\n"
      "|---|---|---|---|---|---|---|\n",
      kRingBytes >> 20, rounds);

  print("decoded event",
        measure(kWarmUp, rounds,
                [&](RingReader& ring, std::uint64_t) {
                  return ring.drain([&](auto bytes) {
                    if (!decode_event(bytes, event)) std::abort();
                  });
                }),
        "");

  FlowTable table({});
  const auto is_running = [](std::uint32_t) { return true; };
  Figures figures = measure(kWarmUp, rounds, [&](RingReader& ring, std::uint64_t) {
    return ring.drain([&](auto bytes) {
      if (!decode_event(bytes, event)) std::abort();
      table.apply(event);
    });
  });
  std::vector<double> sorted = figures.events_per_second;
  std::nth_element(sorted.begin(), sorted.begin() + rounds / 2, sorted.end());
  const bool met = sorted[static_cast<std::size_t>(rounds / 2)] >= 5e6 && figures.allocations == 0;
  print("flow table", figures, met ? "5 M/s, 0 allocations: met" : "5 M/s, 0 allocations: MISSED");

  FlowTable expiring({});
  print("flow table, expired after each ring",
        measure(kWarmUp, rounds,
                [&](RingReader& ring, std::uint64_t now_ns) {
                  const std::size_t count = ring.drain([&](auto bytes) {
                    if (!decode_event(bytes, event)) std::abort();
                    expiring.apply(event);
                  });
                  expiring.expire(now_ns, is_running);
                  return count;
                }),
        "");

  auto observer = std::make_unique<RingObserver>();
  RingObserver& from = *observer;
  std::uint64_t now = 0;
  std::size_t told = 0;
  auto tracker = Tracker::open({}, *FlowMatcher::compile({}), std::move(observer), {},
                               {.now_ns = [&] { return now; }, .is_running = is_running});
  if (!tracker) std::abort();
  const Monitor::Handler tell = [&](const Event&) { ++told; };
  print("tracker, events handed over",
        measure(kWarmUp, rounds,
                [&](RingReader& ring, std::uint64_t now_ns) {
                  from.ring = &ring;
                  now = now_ns;
                  const std::uint64_t before = (*tracker)->cost().events;
                  if (!(*tracker)->consume(tell)) std::abort();
                  return static_cast<std::size_t>((*tracker)->cost().events - before);
                }),
        "");
  if (told == 0) std::abort();

  FlowTable traced({});
  OwnerSettler settler(100'000'000);
  EventWriter writer(0);
  std::string text;
  print("flow table, and settled owners to JSON (trace --json)",
        measure(kWarmUp, rounds / 4 + 1,
                [&](RingReader& ring, std::uint64_t now_ns) {
                  text.clear();
                  const auto write = [&](const Event& ready) { writer.event(ready, text); };
                  const std::size_t count = ring.drain([&](auto bytes) {
                    if (!decode_event(bytes, event)) std::abort();
                    const bool is_news = traced.apply(event);
                    is_news ? settler.add(event, write) : settler.confirm(event, write);
                  });
                  settler.release(now_ns, write);
                  return count;
                }),
        "");

  Detectors detectors;
  print("detectors",
        measure(kWarmUp, rounds,
                [&](RingReader& ring, std::uint64_t now_ns) {
                  const std::size_t count = ring.drain([&](auto bytes) {
                    if (!decode_event(bytes, event)) std::abort();
                    detectors.take(event, nullptr);
                  });
                  detectors.tick(now_ns, 0, nullptr);
                  return count;
                }),
        "");

  print("JSON only",
        measure(kWarmUp, rounds / 4 + 1,
                [&](RingReader& ring, std::uint64_t) {
                  text.clear();
                  return ring.drain([&](auto bytes) {
                    if (!decode_event(bytes, event)) std::abort();
                    writer.event(event, text);
                  });
                }),
        "");
  fmt::print("\n");
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 200;
  if (rounds < 1) return 2;
  bench::run(rounds);
}
