// SPDX-License-Identifier: Apache-2.0
#include <net/if.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>

#include "base/clock.h"
#include "base/file.h"
#include "host/cpu_usage.h"
#include "host/echo_socket.h"
#include "host/interfaces.h"
#include "host/probe_rounds.h"

namespace sockscope {
namespace {

// How long a gateway or DNS server that was found is used before it is looked for again.
constexpr std::uint64_t kTargetAgeNs = 10'000'000'000;

ProbeRounds::Moment now() {
  return {mono_now_ns(), clock_ns(CLOCK_REALTIME)};
}

std::optional<Disk> ask_disk(const std::string& root, const Mount& mount) {
  struct statvfs status {};
  if (::statvfs((root + mount.directory).c_str(), &status) != 0) return std::nullopt;
  const std::uint64_t unit = status.f_frsize;
  if (status.f_blocks == 0 || status.f_bfree > status.f_blocks) return std::nullopt;
  Disk disk;
  disk.mount_point = mount.directory;
  disk.device = mount.device;
  disk.total_bytes = unit * status.f_blocks;
  disk.used_bytes = unit * (status.f_blocks - status.f_bfree);
  disk.available_bytes = unit * status.f_bavail;
  const double usable = static_cast<double>(disk.used_bytes + disk.available_bytes);
  if (usable > 0)
    disk.usage_pct = std::round(1000.0 * static_cast<double>(disk.used_bytes) / usable) / 10;
  return disk;
}

// A file system that is mounted in several places counts as one disk, shown with its shortest path,
// as in df.
std::vector<Disk> ask_disks(const std::string& root) {
  const auto mounts = parse_mounts(read_text((root + "/proc/self/mounts").c_str()));
  std::map<dev_t, const Mount*> by_device;
  for (const Mount& mount : mounts) {
    struct stat status {};
    if (::stat((root + mount.directory).c_str(), &status) != 0) continue;
    const auto [at, is_new] = by_device.try_emplace(status.st_dev, &mount);
    if (!is_new && mount.directory.size() < at->second->directory.size()) at->second = &mount;
  }
  std::vector<Disk> disks;
  for (const auto& [number, mount] : by_device)
    if (auto disk = ask_disk(root, *mount)) disks.push_back(std::move(*disk));
  std::sort(disks.begin(), disks.end(),
            [](const Disk& a, const Disk& b) { return a.mount_point < b.mount_point; });
  return disks;
}

// A host that echo requests are sent to.
struct Probe {
  std::optional<Address> target;
  std::uint32_t index = 0;
  std::string problem;
  ProbeRounds rounds;

  void aim(const std::optional<Address>& at, std::uint32_t interface, std::string why_not) {
    if (at != target || interface != index) rounds = {};
    target = at;
    index = interface;
    problem = std::move(why_not);
  }
};

}  // namespace

struct HostMonitor::Impl {
  Impl(HostOptions chosen, InterfaceSource source)
      : options(std::move(chosen)), interfaces(std::move(source)) {}

  std::string file(const char* path) const { return read_text((options.root + path).c_str()); }
  EchoSocket& socket_of(const Address& address) { return address.family == 4 ? echo4 : echo6; }
  void find_targets(std::uint64_t mono_ns);
  void take_replies();
  void begin_rounds();
  void fill(const Probe& probe, ProbeHealth& health);

  HostOptions options;
  InterfaceSource interfaces;
  InterfaceRates rates;
  CpuUsage cpu;
  EchoSocket echo4{4};
  EchoSocket echo6{6};
  Probe gateway;
  Probe dns;
  std::uint64_t targets_ns = 0;
  std::uint16_t sequence = 0;
  std::uint64_t last_ns = 0;
};

void HostMonitor::Impl::find_targets(std::uint64_t mono_ns) {
  const bool is_fresh = targets_ns != 0 && mono_ns < targets_ns + kTargetAgeNs;
  if (is_fresh && gateway.target && dns.target) return;
  targets_ns = mono_ns;
  const auto route = interfaces.default_gateway();
  if (!route) {
    gateway.aim({}, 0, route.error().message());
  } else if (!*route) {
    gateway.aim({}, 0, "no default route with a gateway");
  } else {
    Address address = (*route)->address;
    if (char name[IF_NAMESIZE]; address.is_of_zone() && ::if_indextoname((*route)->index, name))
      address.zone = Zone(name);
    gateway.aim(address, (*route)->index, "");
  }
  const auto servers = parse_resolv_conf(file("/etc/resolv.conf"));
  if (!servers.empty())
    dns.aim(servers[0], ::if_nametoindex(servers[0].zone.name().data()), "");
  else
    dns.aim({}, 0, "no name server in /etc/resolv.conf");
}

void HostMonitor::Impl::take_replies() {
  const auto take = [this](std::uint16_t number, std::uint64_t wall_ns) {
    const auto moment = now();
    gateway.rounds.answer(number, wall_ns, moment);
    dns.rounds.answer(number, wall_ns, moment);
  };
  echo4.receive(take);
  echo6.receive(take);
  const std::uint64_t mono_ns = mono_now_ns();
  gateway.rounds.settle(mono_ns);
  dns.rounds.settle(mono_ns);
}

void HostMonitor::Impl::begin_rounds() {
  for (Probe* probe : {&gateway, &dns}) {
    if (!probe->target || !probe->rounds.is_due(mono_now_ns())) continue;
    EchoSocket& socket = socket_of(*probe->target);
    if (socket.error() != 0) continue;
    const std::uint16_t first = sequence;
    sequence = static_cast<std::uint16_t>(sequence + ProbeRounds::kRequests);
    probe->rounds.begin(now(), first);
    for (std::size_t i = 0; i < ProbeRounds::kRequests; ++i)
      socket.send(*probe->target, probe->index, static_cast<std::uint16_t>(first + i));
  }
}

void HostMonitor::Impl::fill(const Probe& probe, ProbeHealth& health) {
  health.target = probe.target;
  health.problem = probe.problem;
  if (!options.probe && probe.target)
    health.problem = "not asked for";
  else if (probe.target && socket_of(*probe.target).error() != 0)
    health.problem = std::string("cannot send echo requests: ") +
                     std::strerror(socket_of(*probe.target).error());
  probe.rounds.fill(health);
}

HostMonitor::HostMonitor(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
HostMonitor::HostMonitor(HostMonitor&&) noexcept = default;
HostMonitor& HostMonitor::operator=(HostMonitor&&) noexcept = default;
HostMonitor::~HostMonitor() = default;

Result<HostMonitor> HostMonitor::open(const HostOptions& options) {
  auto interfaces = InterfaceSource::open();
  if (!interfaces) return tl::make_unexpected(std::move(interfaces).error());
  return HostMonitor(std::make_unique<Impl>(options, std::move(*interfaces)));
}

Result<HostFacts> HostMonitor::read() {
  Impl& impl = *impl_;
  HostFacts facts;
  facts.mono_ns = mono_now_ns();
  facts.wall_ns = clock_ns(CLOCK_REALTIME);
  if (impl.last_ns != 0) facts.interval_s = static_cast<double>(facts.mono_ns - impl.last_ns) / 1e9;
  impl.take_replies();

  auto interfaces = impl.interfaces.read();
  if (!interfaces) return tl::make_unexpected(std::move(interfaces).error());
  facts.interfaces = std::move(*interfaces);
  impl.rates.update(facts.mono_ns, facts.interfaces);
  impl.last_ns = facts.mono_ns;

  impl.cpu.update(parse_cpu_stat(impl.file("/proc/stat")), facts.system);
  parse_meminfo(impl.file("/proc/meminfo"), facts.system);
  parse_loadavg(impl.file("/proc/loadavg"), facts.system);
  facts.disks = ask_disks(impl.options.root);
  facts.disk_io = parse_diskstats(impl.file("/proc/diskstats"));
  facts.listen_drops = parse_listen_drops(impl.file("/proc/net/netstat"));

  facts.probes = impl.options.probe;
  impl.find_targets(facts.mono_ns);
  if (facts.probes) impl.begin_rounds();
  impl.fill(impl.gateway, facts.gateway);
  impl.fill(impl.dns, facts.dns);
  return facts;
}

void HostMonitor::set_probe(bool on) noexcept {
  impl_->options.probe = on;
}

bool HostMonitor::is_probing() const noexcept {
  return impl_->gateway.rounds.is_under_way() || impl_->dns.rounds.is_under_way();
}

void HostMonitor::wait_for_probes() {
  Impl& impl = *impl_;
  const std::uint64_t end = mono_now_ns() + ProbeRounds::kPatienceNs;
  for (;;) {
    impl.take_replies();
    const std::uint64_t mono_ns = mono_now_ns();
    if (!is_probing() || mono_ns >= end) return;
    std::array<pollfd, 2> files{{{.fd = impl.echo4.fd(), .events = POLLIN, .revents = 0},
                                 {.fd = impl.echo6.fd(), .events = POLLIN, .revents = 0}}};
    const auto left = (end - mono_ns) / 1'000'000 + 1;
    if (::poll(files.data(), files.size(), static_cast<int>(left)) < 0) return;
  }
}

HostIdentity HostMonitor::identity() const {
  HostIdentity identity;
  utsname kernel{};
  ::uname(&kernel);
  identity.name = kernel.nodename;
  identity.kernel = kernel.release;
  identity.os = parse_os_name(impl_->file("/etc/os-release"));
  identity.cpu_model = parse_cpu_model(impl_->file("/proc/cpuinfo"));
  const auto cores = parse_cpu_stat(impl_->file("/proc/stat")).cores.size();
  if (cores != 0) identity.cpu_cores = static_cast<std::uint32_t>(cores);
  SystemFacts memory;
  parse_meminfo(impl_->file("/proc/meminfo"), memory);
  identity.memory_total_bytes = memory.memory_total_bytes;
  identity.uptime_s = parse_uptime(impl_->file("/proc/uptime"));
  return identity;
}

}  // namespace sockscope
