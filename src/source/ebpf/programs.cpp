// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>

#include "base/fd.h"
#include "base/file.h"
#include "base/kernel_namespace.h"
#include "decode/procfs.h"
#include "source/ebpf/advice.h"
#include "source/ebpf/kernel_types.h"
#include "source/ebpf/libbpf_log.h"
#include "source/ebpf/missed_runs.h"
#include "source/ebpf/observations.h"
#include "source/ebpf/permission.h"
#include "source/ebpf/sockscope.skel.h"

namespace sockscope {
namespace {

constexpr ino_t kRootCgroup = 1;  // of the whole hierarchy; in a cgroup namespace it is another

struct SkeletonDeleter {
  void operator()(sockscope_bpf* skeleton) const { sockscope_bpf__destroy(skeleton); }
};
struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Skeleton = std::unique_ptr<sockscope_bpf, SkeletonDeleter>;
using Link = std::unique_ptr<bpf_link, LinkDeleter>;

// The section name without the mark that says "not loaded unless asked for".
std::string section_of(const bpf_program* program) {
  std::string_view section = bpf_program__section_name(program);
  if (section.starts_with('?')) section.remove_prefix(1);
  return std::string(section);
}

std::string door_of(const bpf_program* program) {
  const bool with_error = std::string_view(bpf_program__name(program)).ends_with("_err");
  return section_of(program) + (with_error ? " with its error" : "");
}

struct ProgramName {
  std::string name;
  bool is_optional = false;
  bool is_for_data = false;
};

std::vector<ProgramName> split_programs(std::string_view words) {
  std::vector<ProgramName> names;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    std::string_view word = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    ProgramName program;
    if (word.starts_with('*')) program.is_for_data = true, word.remove_prefix(1);
    if (word.starts_with('?')) program.is_optional = true, word.remove_prefix(1);
    program.name = word;
    names.push_back(std::move(program));
  }
  return names;
}

// What a program is named after: "kind__target", or "kind__target__purpose", where the target is a
// function or a tracepoint of the kernel.
struct Naming {
  std::string target;
  std::string purpose;
};
Naming naming_of(const std::string& program) {
  const std::string named = program.substr(program.find("__") + 2);
  const std::size_t end = named.find("__", 2);  // some functions begin with it
  if (end == std::string::npos) return {named, ""};
  return {named.substr(0, end), named.substr(end + 2)};
}

constexpr std::string_view kCopy = "copy";  // does what the program of that name was not run for

std::size_t index_of(std::string_view observation) {
  const auto found =
      std::find_if(kObservations.begin(), kObservations.end(),
                   [&](const Observation& candidate) { return candidate.name == observation; });
  return static_cast<std::size_t>(found - kObservations.begin());
}

// Programs that the kernel does not run on top of themselves.
bool is_interruptible(DoorKind kind) {
  return kind == DoorKind::kTracepoint || kind == DoorKind::kFunction || kind == DoorKind::kProbe;
}

bool is_listed(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

// Before 6.15 some door is always missing: worth asking the types first.
bool is_old_kernel() {
  utsname system{};
  int major = 0;
  int minor = 0;
  ::uname(&system);
  return std::sscanf(system.release, "%d.%d", &major, &minor) != 2 || major < 6 ||
         (major == 6 && minor < 15);
}

bool is_allowed(DoorKind kind, std::string_view doors) {
  return doors.empty() || kind == DoorKind::kIterator || kind == DoorKind::kNumbering ||
         is_listed(doors, to_string(kind));
}

bool has_way_after(const Observation& observation, std::size_t way) {
  return way + 1 < kMaxWays && observation.ways[way + 1].kind != DoorKind::kNone;
}

std::string first_reason(const std::array<std::string, kMaxWays>& reasons,
                         const std::string& allowed) {
  for (const std::string& reason : reasons)
    if (!reason.empty()) return reason;
  return "none of its doors is among those allowed: " + allowed;
}

constexpr std::uint32_t kStatesInHash = 1u << 16;
constexpr std::uint32_t kMostStatesInHash = 1u << 22;
constexpr std::uint64_t kMemoryPerState = 64 << 10;
constexpr std::uint32_t kMptcpSockets = 1u << 13;
constexpr std::uint32_t kListenersInHash = 1u << 13;
constexpr std::uint32_t kClosedUdp = 1u << 12;

// So many that the host's memory runs out of sockets first: a hash that is not filled in advance
// takes 16 bytes of kernel memory for each that it has room for.
std::uint32_t states_by_memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(::sysconf(_SC_PHYS_PAGES), 0L));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
      std::bit_floor(pages * page / kMemoryPerState), kStatesInHash, kMostStatesInHash));
}

// map: what an iterator over a map's elements is for.
Link attach(bpf_program* program, int cgroup, int map, const std::string& door) {
  if (door.starts_with("cgroup") || door == "sockops")
    return Link(bpf_program__attach_cgroup(program, cgroup));
  if (door == "iter/bpf_sk_storage_map" || door == "iter/bpf_map_elem") {
    bpf_iter_link_info info{};
    info.map.map_fd = static_cast<std::uint32_t>(map);
    bpf_iter_attach_opts options{};
    options.sz = sizeof options;
    options.link_info = &info;
    options.link_info_len = sizeof info;
    return Link(bpf_program__attach_iter(program, &options));
  }
  return Link(bpf_program__attach(program));
}

Result<void> read_iterator(const bpf_link* link,
                           const std::function<void(std::span<const std::byte>)>& handle) {
  const Fd iterator(bpf_iter_create(bpf_link__fd(link)));
  if (!iterator)
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kIo, errno, "start a pass over the sockets"));
  // The kernel collects whole records in a buffer of 32 KiB and hands out what fits into ours.
  alignas(8) std::array<std::byte, 64 << 10> buffer;
  for (;;) {
    const ssize_t count = ::read(iterator.get(), buffer.data(), buffer.size());
    if (count > 0)
      handle({buffer.data(), static_cast<std::size_t>(count)});
    else if (count == 0)
      return {};
    else if (errno != EAGAIN && errno != EINTR)  // EAGAIN: a long stretch without records
      return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "read the sockets"));
  }
}

}  // namespace

struct Programs::Impl {
  Skeleton skeleton;
  std::array<std::vector<Link>, kObservationCount> links;
  MissedRuns missed;
  Mapping control;
  std::vector<Door> doors;

  // The choice: for each observation which way, kMaxWays: none; and why others are not taken.
  std::array<std::size_t, kObservationCount> chosen{};
  std::array<std::array<std::string, kMaxWays>, kObservationCount> refused;
  StateIn states_in = StateIn::kStorage;
  bool has_storage = true;
  bool has_cookies = true;
  KernelTypes types;
  bool types_asked = false;
  std::array<bool, kObservationCount> is_wanted{};

  struct Refusal {
    std::size_t observation = kObservationCount;  // count: not a matter of one program
    Error error;
    std::string objection = {};  // the verifier's
  };
  using Outcome = tl::expected<void, Refusal>;

  bool is_usable(std::size_t observation, std::size_t way, const Wanted& wanted,
                 StateIn states) const;
  bool is_hash_quick();
  bool choose_with(const Wanted& wanted, StateIn states);
  void choose(const Wanted& wanted);
  void ask_types();
  std::vector<bpf_program*> programs_of(std::size_t observation, const Wanted& wanted);
  void fill_config(const Wanted& wanted);
  Outcome load_chosen(const Wanted& wanted);
  Outcome attach_chosen(const Wanted& wanted);
  bool has_copy(const bpf_program* program) const;
  bool learn_from(const std::string& verifier_words);
  void describe_doors(const Wanted& wanted);

  bool is_chosen(std::string_view observation) const {
    return chosen[index_of(observation)] < kMaxWays;
  }
  const Way& way_of(std::size_t observation) const {
    return kObservations[observation].ways[chosen[observation]];
  }
};

bool Programs::Impl::is_usable(std::size_t observation, std::size_t way, const Wanted& wanted,
                               StateIn states) const {
  const Way& candidate = kObservations[observation].ways[way];
  if (candidate.kind == DoorKind::kNone || !refused[observation][way].empty()) return false;
  if (candidate.state != StateIn::kAny && candidate.state != states) return false;
  return is_allowed(candidate.kind, wanted.doors);
}

// Since 6.1 a hash that is not filled in advance has memory at hand on each processor.
bool Programs::Impl::is_hash_quick() {
  return !is_old_kernel() || types.function_parameters("bpf_mem_cache_alloc").has_value();
}

// The best ways that are left. Returns whether a kprobe would make an observation that nothing else
// does.
bool Programs::Impl::choose_with(const Wanted& wanted, StateIn states) {
  states_in = states;
  bool would_gain = false;
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    chosen[i] = kMaxWays;
    if (kObservations[i].need == Need::kTcpInHash) is_wanted[i] = states != StateIn::kStorage;
    if (kObservations[i].need == Need::kAllInHash) is_wanted[i] = states == StateIn::kHash;
    if (!is_wanted[i]) continue;
    for (std::size_t way = 0; way < kMaxWays; ++way) {
      if (!is_usable(i, way, wanted, states)) continue;
      chosen[i] = way;
      break;
    }
    if (chosen[i] != kMaxWays) continue;
    for (std::size_t way = 0; way < kMaxWays; ++way)
      would_gain |= kObservations[i].ways[way].kind == DoorKind::kProbe &&
                    is_usable(i, way, wanted, StateIn::kHash);
  }
  return would_gain;
}

// TCP's states are cheaper in the hash, where connections are seen to be born and to end; UDP's in
// storage. All go into the hash only when the storage cannot be reached, or for an observation that
// nothing but a kprobe can make.
void Programs::Impl::choose(const Wanted& wanted) {
  bool would_gain = false;
  if (has_storage) {
    would_gain = choose_with(wanted, StateIn::kByProtocol);
    const std::size_t lifecycle = index_of(kTcpLifecycle);
    if (!is_chosen(kTcpEnd) || !is_chosen(kTcpLifecycle) || !is_hash_quick() ||
        way_of(lifecycle).kind != DoorKind::kTracepoint)
      would_gain = choose_with(wanted, StateIn::kStorage);
  }
  if (!has_storage || would_gain) choose_with(wanted, StateIn::kHash);
}

// Marks ways whose tracepoint or function this kernel does not have, before the verifier is asked.
void Programs::Impl::ask_types() {
  types_asked = true;
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    for (std::size_t way = 0; way < kMaxWays; ++way) {
      const Way& candidate = kObservations[i].ways[way];
      if (!refused[i][way].empty()) continue;
      for (const ProgramName& name : split_programs(candidate.programs)) {
        if (name.is_optional || name.is_for_data) continue;
        const auto [target, purpose] = naming_of(name.name);
        if (candidate.kind == DoorKind::kTracepoint) {
          const auto parameters = types.tracepoint_parameters(target);
          if (!parameters)
            refused[i][way] = "the kernel has no tracepoint " + target;
          else if (!purpose.empty() && *parameters < 3)  // it came with the third
            refused[i][way] = "the kernel's tracepoint " + target + " tells too little";
        } else if (candidate.kind == DoorKind::kFunction || candidate.kind == DoorKind::kProbe) {
          if (!types.function_parameters(target))
            refused[i][way] = "the kernel has no function " + target;
        }
      }
    }
  }
}

std::vector<bpf_program*> Programs::Impl::programs_of(std::size_t observation,
                                                      const Wanted& wanted) {
  std::vector<bpf_program*> programs;
  if (chosen[observation] == kMaxWays) return programs;
  for (const ProgramName& name : split_programs(way_of(observation).programs)) {
    if (name.is_for_data && !(wanted.config.observe & WIRE_OBSERVE_DATA)) continue;
    if (name.is_optional && !types.function_parameters(naming_of(name.name).target)) continue;
    programs.push_back(bpf_object__find_program_by_name(skeleton->obj, name.name.c_str()));
  }
  return programs;
}

void Programs::Impl::fill_config(const Wanted& wanted) {
  wire_config& config = skeleton->rodata->config;
  config = wanted.config;
  config.states_in = states_in == StateIn::kHash         ? WIRE_STATES_IN_HASH
                     : states_in == StateIn::kByProtocol ? WIRE_STATES_BY_PROTOCOL
                                                         : WIRE_STATES_IN_STORAGE;
  config.has_cookies = has_cookies ? 1 : 0;
  config.udp_peers = is_chosen(kUdpPeerTable) ? 1 : 0;
  config.forget_at_close = is_chosen(kTcpEnd) ? 0 : 1;
  // Where nothing tells of their end only for as long as one pass takes.
  config.mptcp_owners = states_in != StateIn::kStorage || !wanted.connections;
  bool by_function = false;
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    if (chosen[i] == kMaxWays) continue;
    by_function |= way_of(i).kind == DoorKind::kFunction || way_of(i).kind == DoorKind::kProbe;
  }
  if (by_function) {
    const auto parameters = [this](const char* function) {
      return static_cast<std::uint8_t>(types.function_parameters(function).value_or(0));
    };
    config.tcp_recvmsg_args = parameters("tcp_recvmsg");
    config.udp_recvmsg_args = parameters("udp_recvmsg");
    config.udpv6_recvmsg_args = parameters("udpv6_recvmsg");
    config.accept_args = parameters("inet_csk_accept");
  }
  bpf_map__set_max_entries(skeleton->maps.events, static_cast<std::uint32_t>(wanted.ring_bytes));
  if (is_chosen(kUdpPeerTable)) {
    bpf_map__set_max_entries(skeleton->maps.udp_peers, wanted.udp_peers);
    bpf_map__set_max_entries(skeleton->maps.closed_udp, kClosedUdp);
  }
  if (states_in == StateIn::kByProtocol) {
    bpf_map__set_map_flags(skeleton->maps.sockets, BPF_F_NO_PREALLOC);  // connections get no copy
    bpf_map__set_map_flags(skeleton->maps.states, BPF_F_NO_PREALLOC);
    bpf_map__set_map_flags(skeleton->maps.listeners, BPF_F_NO_PREALLOC);
    bpf_map__set_max_entries(skeleton->maps.states, states_by_memory());
  } else if (states_in == StateIn::kHash) {
    bpf_map__set_max_entries(skeleton->maps.states, kStatesInHash);
  } else if (config.mptcp_owners) {
    bpf_map__set_map_flags(skeleton->maps.states, BPF_F_NO_PREALLOC);
    bpf_map__set_max_entries(skeleton->maps.states, kMptcpSockets);
  }
  if (states_in != StateIn::kStorage) {
    bpf_map__set_max_entries(skeleton->maps.listeners, kListenersInHash);
  }
}

Programs::Impl::Outcome Programs::Impl::load_chosen(const Wanted& wanted) {
  for (auto& held : links) held.clear();
  missed = {};
  skeleton.reset(sockscope_bpf__open());
  if (!skeleton)
    return tl::make_unexpected(Refusal{
        kObservationCount, Error::from_errno(ErrorKind::kLoadFailed, errno, "open the programs")});
  fill_config(wanted);
  std::map<std::string, std::size_t> observation_of;
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    for (bpf_program* program : programs_of(i, wanted)) {
      bpf_program__set_autoload(program, true);
      observation_of.emplace(bpf_program__name(program), i);
    }
  }
  LibbpfLog log;
  const int error = sockscope_bpf__load(skeleton.get());
  if (error == 0) return {};
  std::string words = log.last_lines(12);
  const auto culprit = observation_of.find(log.refused_program());
  if (culprit == observation_of.end())
    return tl::make_unexpected(Refusal{
        kObservationCount, Error::from_errno(ErrorKind::kLoadFailed, error, "load the programs")
                               .with_detail(std::move(words))});
  const bpf_program* program =
      bpf_object__find_program_by_name(skeleton->obj, culprit->first.c_str());
  return tl::make_unexpected(Refusal{
      culprit->second,
      Error::from_errno(ErrorKind::kLoadFailed, error, "load the program for " + door_of(program))
          .with_detail(std::move(words)),
      log.objection()});
}

// Or is one.
bool Programs::Impl::has_copy(const bpf_program* program) const {
  const std::string name = bpf_program__name(program);
  return naming_of(name).purpose == kCopy ||
         bpf_object__find_program_by_name(skeleton->obj,
                                          (name + "__" + std::string(kCopy)).c_str());
}

Programs::Impl::Outcome Programs::Impl::attach_chosen(const Wanted& wanted) {
  const std::string mount =
      find_cgroup2_mount(read_text("/proc/self/mounts")).value_or("/sys/fs/cgroup");
  const Fd cgroup(::open(mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  const bool is_root = ::fstat(cgroup.get(), &status) == 0 && status.st_ino == kRootCgroup;
  std::set<const bpf_program*> attached;  // one may serve two observations
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    for (bpf_program* program : programs_of(i, wanted)) {
      if (!attached.insert(program).second) continue;
      const std::string door = section_of(program);
      const DoorKind kind = way_of(i).kind;
      if ((kind == DoorKind::kCgroup || kind == DoorKind::kNumbering) && !is_root)
        return tl::make_unexpected(
            Refusal{i, Error(ErrorKind::kAttachFailed,
                             std::make_error_code(std::errc::not_supported), "attach to " + door)
                           .with_detail("the host's root cgroup is not to be seen from here")});
      const bpf_map* map = i == index_of(kUdpPeerTable)  ? skeleton->maps.udp_peers
                           : door == "iter/bpf_map_elem" ? skeleton->maps.states
                                                         : skeleton->maps.sockets;
      Link link = attach(program, cgroup.get(), bpf_map__fd(map), door);
      if (!link)
        return tl::make_unexpected(
            Refusal{i, Error::from_errno(ErrorKind::kAttachFailed, errno, "attach to " + door)});
      if (is_interruptible(kind) && !has_copy(program)) missed.watch_program(bpf_program__fd(program));
      if (kind == DoorKind::kProbe) missed.watch_probe(bpf_link__fd(link.get()));
      links[i].push_back(std::move(link));
    }
  }
  return {};
}

// What a refusal says of the kernel as a whole.
bool Programs::Impl::learn_from(const std::string& words) {
  const auto is_unknown = [&](std::string_view helper) {
    return words.find("unknown func " + std::string(helper)) != std::string::npos ||
           words.find("cannot use helper " + std::string(helper)) != std::string::npos;
  };
  if (has_storage && states_in != StateIn::kHash && is_unknown("bpf_sk_storage_get#")) {
    has_storage = false;
    return true;
  }
  if (has_cookies && is_unknown("bpf_get_socket_cookie#")) {
    has_cookies = false;
    has_storage = false;  // without cookies the hash gives the sockets their numbers
    return true;
  }
  return false;
}

void Programs::Impl::describe_doors(const Wanted& wanted) {
  const auto name_of = [this](const Way& way) {
    std::string names;
    for (const ProgramName& name : split_programs(way.programs)) {
      if (name.is_optional || name.is_for_data) continue;
      const bpf_program* program =
          bpf_object__find_program_by_name(skeleton->obj, name.name.c_str());
      if (naming_of(name.name).purpose == kCopy) continue;
      names += (names.empty() ? "" : ", ") + door_of(program);
    }
    return names;
  };
  const bool is_blind = !is_in_first_pid_namespace();  // iterators over tasks are, to the host's
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    const Observation& observation = kObservations[i];
    for (std::size_t way = 0; is_wanted[i] && way < kMaxWays; ++way) {
      if (way == chosen[i]) {
        std::string limits(observation.ways[way].limits);
        if (is_blind && observation.ways[way].programs.starts_with("iter__task"))
          limits += "only processes of this pid namespace are seen";
        doors.push_back({std::string(observation.name),
                         name_of(observation.ways[way]),
                         {},
                         std::move(limits),
                         {}});
        break;
      }
      if (!refused[i][way].empty() && is_allowed(observation.ways[way].kind, wanted.doors))
        doors.push_back({std::string(observation.name),
                         name_of(observation.ways[way]),
                         refused[i][way],
                         {},
                         advice_for(observation.ways[way].kind, refused[i][way])});
    }
  }
}

Result<Programs> Programs::load(const Wanted& wanted) {
  if (auto allowed = check_permission(); !allowed) return tl::make_unexpected(allowed.error());

  auto impl = std::make_unique<Impl>();
  const std::string no_functions = function_door_refusal();
  const std::string no_probes = probe_door_refusal();
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    const Need need = kObservations[i].need;
    impl->is_wanted[i] =
        need == Need::kAlways || (need == Need::kConnections && wanted.connections) ||
        (need == Need::kQuality && wanted.quality) ||
        (need == Need::kProcesses && wanted.processes) ||
        (need == Need::kProcessTable && wanted.process_table) ||
        (need == Need::kHolders && wanted.holders) || (need == Need::kDns && wanted.dns) ||
        (need == Need::kRefusals && wanted.refusals) ||
        (need == Need::kUdpPeers && wanted.udp_peers != 0);
    for (std::size_t way = 0; way < kMaxWays; ++way) {
      const DoorKind kind = kObservations[i].ways[way].kind;
      if (kind == DoorKind::kFunction) impl->refused[i][way] = no_functions;
      if (kind == DoorKind::kProbe) impl->refused[i][way] = no_probes;
    }
  }
  if (is_old_kernel()) impl->ask_types();

  for (;;) {
    impl->choose(wanted);
    for (std::size_t i = 0; i < kObservationCount; ++i) {
      const Observation& observation = kObservations[i];
      if (observation.essential && impl->is_wanted[i] && impl->chosen[i] == kMaxWays)
        return tl::make_unexpected(Error(ErrorKind::kKernelLacksFeature,
                                         std::make_error_code(std::errc::not_supported),
                                         "observe the " + std::string(observation.name))
                                       .with_detail(first_reason(impl->refused[i], wanted.doors)));
    }
    auto done = impl->load_chosen(wanted);
    if (done) done = impl->attach_chosen(wanted);
    if (done) break;
    Error& error = done.error().error;
    if (impl->learn_from(error.detail())) continue;
    const std::size_t i = done.error().observation;
    if (i == kObservationCount) return tl::make_unexpected(explain_refusal(std::move(error)));
    const bool is_last =
        kObservations[i].essential && !has_way_after(kObservations[i], impl->chosen[i]);
    if (is_last) return tl::make_unexpected(std::move(error));
    std::string& reason = impl->refused[i][impl->chosen[i]];
    reason = error.code().message();
    if (error.kind() == ErrorKind::kAttachFailed && !error.detail().empty())
      reason = error.detail();
    else if (!done.error().objection.empty())
      reason += ": " + done.error().objection;
    if (!impl->types_asked) impl->ask_types();
  }
  impl->describe_doors(wanted);
  impl->control =
      Mapping(bpf_map__fd(impl->skeleton->maps.control),
              static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), PROT_READ | PROT_WRITE, 0);
  if (!impl->control)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "map the control page"));
  return Programs(std::move(impl));
}

Programs::Programs(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Programs::Programs(Programs&&) noexcept = default;
Programs& Programs::operator=(Programs&&) noexcept = default;
Programs::~Programs() = default;

Result<void> Programs::read(Pass pass,
                            const std::function<void(std::span<const std::byte>)>& handle) const {
  static constexpr std::string_view kPassObservations[] = {
      "tcp sockets", "udp sockets", kForeignSockets, "owners of older sockets",
      kProcessList,  kUdpPeerTable, kHolderList};
  const std::size_t observation = index_of(kPassObservations[static_cast<std::size_t>(pass)]);
  const auto& links = impl_->links[observation];
  if (links.empty()) return {};
  // Others have one iterator, which comes first. Those of other network namespaces may be kept in
  // two places.
  const std::size_t iterators = pass == Pass::kForeign ? links.size() : 1;
  for (std::size_t i = 0; i < iterators; ++i)
    if (auto done = read_iterator(links[i].get(), handle); !done) return done;
  return {};
}

int Programs::ring_fd() const noexcept {
  return bpf_map__fd(impl_->skeleton->maps.events);
}
std::size_t Programs::ring_bytes() const noexcept {
  return bpf_map__max_entries(impl_->skeleton->maps.events);
}
wire_control& Programs::control() const noexcept {
  return *reinterpret_cast<wire_control*>(impl_->control.data());
}
std::uint64_t Programs::missed_runs() const noexcept {
  return impl_->missed.count();
}
const std::vector<Door>& Programs::doors() const noexcept {
  return impl_->doors;
}
bool Programs::is_made(std::string_view observation) const noexcept {
  return impl_->is_chosen(observation);
}

}  // namespace sockscope
