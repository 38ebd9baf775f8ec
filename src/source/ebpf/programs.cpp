// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include "base/fd.h"
#include "base/file.h"
#include "base/kernel_namespace.h"
#include "decode/procfs.h"
#include "source/ebpf/iterator.h"
#include "source/ebpf/kernel_types.h"
#include "source/ebpf/libbpf_log.h"
#include "source/ebpf/missed_runs.h"
#include "source/ebpf/permission.h"
#include "source/ebpf/probe.h"
#include "source/ebpf/refusal.h"
#include "source/ebpf/typed_programs.h"
#include "source/ebpf/udp_peer_map.h"
#include "source/ebpf/way_choice.h"

namespace sockscope {
namespace {

constexpr ino_t kRootCgroup = 1;  // of the whole hierarchy; the root of a cgroup namespace has
                                  // another

struct SkeletonDeleter {
  void operator()(sockscope_bpf* skeleton) const { sockscope_bpf__destroy(skeleton); }
};
struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Skeleton = std::unique_ptr<sockscope_bpf, SkeletonDeleter>;
using Link = std::unique_ptr<bpf_link, LinkDeleter>;

// The name that users see.
std::string door_of(const bpf_program* program, const ProgramRef& reference) {
  return std::string(attach_point_of(program)) +
         (reference.program == &ProgramSet::tp_btf__tcp_retransmit_skb__error ? " with its error"
                                                                              : "");
}

// Whether the kernel does not run such a program while it is already running on the same processor.
bool is_interruptible(DoorKind kind) {
  return kind == DoorKind::kTracepoint || kind == DoorKind::kFunction || kind == DoorKind::kProbe;
}

// The name under which targets are looked up; empty: the target has no type.
std::string name_of_target(const bpf_program* program, DoorKind kind) {
  return kind == DoorKind::kProbe ? target_of(program) : target_name(program);
}

bool is_of_cgroups(DoorKind kind) {
  return kind == DoorKind::kCgroup || kind == DoorKind::kNumbering;
}

// Where this function exists (Linux 6.1), a hash without preallocated elements is fast.
constexpr const char* kQuickAllocation = "bpf_mem_cache_alloc";
constexpr std::uint32_t kStatesInHash = 1u << 16;
constexpr std::uint32_t kMostStatesInHash = 1u << 22;
constexpr std::uint64_t kMemoryPerState = 64 << 10;
constexpr std::uint32_t kMptcpSockets = 1u << 13;
constexpr std::uint32_t kListenersInHash = 1u << 13;
constexpr std::uint32_t kClosedUdp = 1u << 12;
constexpr std::uint32_t kAskedServers = 1u << 12;

// Enough that the host's memory is used up by sockets first: a hash without preallocated elements
// takes 16 bytes of kernel memory for each element that it has room for.
std::uint32_t states_by_memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(::sysconf(_SC_PHYS_PAGES), 0L));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
      std::bit_floor(pages * page / kMemoryPerState), kStatesInHash, kMostStatesInHash));
}

Fd open_root_cgroup() {
  const std::string mount =
      find_cgroup2_mount(read_text("/proc/self/mounts")).value_or("/sys/fs/cgroup");
  Fd cgroup(::open(mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  const bool is_root = ::fstat(cgroup.get(), &status) == 0 && status.st_ino == kRootCgroup;
  return is_root ? std::move(cgroup) : Fd();
}

// map: the map whose elements an iterator reads.
Link attach(bpf_program* program, DoorKind kind, int cgroup, int map) {
  if (is_of_cgroups(kind)) return Link(bpf_program__attach_cgroup(program, cgroup));
  if (kind == DoorKind::kProbe) return Link(bpf_program__attach(program));
  if (kind == DoorKind::kTracepoint || kind == DoorKind::kFunction)
    return Link(bpf_program__attach_trace(program));
  if (kind != DoorKind::kMapIterator) return Link(bpf_program__attach_iter(program, nullptr));
  bpf_iter_link_info info{};
  info.map.map_fd = static_cast<std::uint32_t>(map);
  bpf_iter_attach_opts options{};
  options.sz = sizeof options;
  options.link_info = &info;
  options.link_info_len = sizeof info;
  return Link(bpf_program__attach_iter(program, &options));
}

// Why the kernel refused a program; without an objection of the verifier it refused before looking
// at it.
Refusal refusal_of(DoorKind kind, int error, const std::string& objection) {
  if (error < 0) error = -error;
  if (!objection.empty()) return {RefusalReason::kVerifier, objection, error};
  if (error == EPERM || error == EACCES) {
    return {is_of_cgroups(kind) && !has_net_admin() ? RefusalReason::kLacksNetAdmin
                                                    : RefusalReason::kBarred,
            {},
            error};
  }
  return {
      error == kNotSupportedByArchitecture ? RefusalReason::kNotSupported : RefusalReason::kOther,
      {},
      error};
}

}  // namespace

struct Programs::Impl {
  Impl(const Wanted& wanted, DoorChoice doors);

  WayChoice choice;
  Skeleton skeleton;
  std::vector<std::vector<Link>> links;  // one list for each plan
  MissedRuns missed;
  Mapping control;
  std::vector<Door> doors;
  KernelTargets targets;
  std::optional<ExcerptFile> excerpt;
  std::set<std::string> taken;  // names of programs that the kernel would accept
  Fd cgroup;                    // the host's root; empty: not visible from here
  std::optional<UdpPeerMap> udp_peers;

  struct Failure {
    std::size_t plan = plans().size();  // this value: not the fault of one program
    bpf_program* ProgramSet::*program = nullptr;
    Refusal refusal = {};
    Error error;
  };
  using Outcome = tl::expected<void, Failure>;

  bpf_program* find(const ProgramRef& reference) const {
    return skeleton->progs.*reference.program;
  }
  const std::vector<Link>& links_of(Observation observation) const;
  std::optional<int> parameters_of(const std::string& target) const;
  Result<void> open();
  Result<void> read_types();
  void refuse_by_types();
  void refuse_by_privilege();
  void ask_helpers();
  bool ask_chosen(const Wanted& wanted);
  std::vector<ProgramRef> programs_of(std::size_t plan, const Wanted& wanted);
  void fill_config(const Wanted& wanted);
  Outcome load_chosen(const Wanted& wanted);
  Outcome attach_chosen(const Wanted& wanted);
  std::string name_of(const Way& way) const;
  void describe_doors();
};

Programs::Impl::Impl(const Wanted& wanted, DoorChoice allowed)
    : choice(
          [&wanted](Need need) {
            switch (need) {
              case Need::kAlways: return true;
              case Need::kConnections: return wanted.connections;
              case Need::kExactOwners: return wanted.exact_owners;
              case Need::kQuality: return wanted.quality;
              case Need::kProcesses: return wanted.processes;
              case Need::kProcessTable: return wanted.process_table;
              case Need::kHolders: return wanted.holders;
              case Need::kDns: return wanted.dns;
              case Need::kTranslatedDns: return wanted.dns && wanted.translated_dns;
              case Need::kRefusals: return wanted.refusals;
              case Need::kUdpPeers: return wanted.udp_peers != 0;
              case Need::kTcpInHash:
              case Need::kAllInHash: break;  // decided by the choice of ways itself
            }
            return false;
          },
          allowed),
      links(plans().size()),
      cgroup(open_root_cgroup()) {}

const std::vector<Link>& Programs::Impl::links_of(Observation observation) const {
  return links[WayChoice::position_of(observation)];
}

Result<void> Programs::Impl::open() {
  for (auto& held : links) held.clear();
  missed = {};
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.btf_custom_path = excerpt->path();
  skeleton.reset(sockscope_bpf__open_opts(&options));
  if (!skeleton)
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kLoadFailed, errno, "open the programs"));
  return {};
}

std::optional<int> Programs::Impl::parameters_of(const std::string& target) const {
  const auto found = targets.find(target);
  return found != targets.end() && found->second.id != 0 ? std::optional(found->second.parameters)
                                                         : std::nullopt;
}

Result<void> Programs::Impl::read_types() {
  std::vector<std::string> names{kQuickAllocation};
  for (const Plan& plan : plans())
    for (const Way& way : plan.ways)
      for (const ProgramRef& reference : way.programs)
        names.push_back(name_of_target(find(reference), way.kind));
  auto read = read_kernel_types(names, type_names_of(skeleton->obj));
  if (!read) return tl::make_unexpected(std::move(read).error());
  targets = std::move(read->targets);
  choice.set_hash_quick(parameters_of(kQuickAllocation).has_value());
  return excerpt->write(read->excerpt);
}

// Refuses the ways whose tracepoint or function does not exist in this kernel.
void Programs::Impl::refuse_by_types() {
  choice.refuse_where([this](const Way& way) -> Refusal {
    for (const ProgramRef& reference : way.programs) {
      if (reference.where_function_exists || reference.for_data || is_of_cgroups(way.kind))
        continue;
      const bpf_program* program = find(reference);
      const auto parameters = parameters_of(name_of_target(program, way.kind));
      const bool is_tracepoint = way.kind == DoorKind::kTracepoint;
      if (!parameters)
        return {is_tracepoint ? RefusalReason::kNoTracepoint : RefusalReason::kNoFunction,
                target_of(program)};
      if (is_tracepoint && *parameters < reference.least_parameters)
        return {RefusalReason::kTracepointTooPoor, target_of(program)};
    }
    return {};
  });
}

void Programs::Impl::refuse_by_privilege() {
  const Refusal no_probes = probe_door_refusal();
  Refusal no_cgroups;
  if (!has_net_admin())
    no_cgroups = {RefusalReason::kLacksNetAdmin, {}, EPERM};
  else if (!cgroup)
    no_cgroups = {RefusalReason::kNoRootCgroup};
  choice.refuse_where([&](const Way& way) {
    return way.kind == DoorKind::kProbe ? no_probes
           : is_of_cgroups(way.kind)    ? no_cgroups
                                        : Refusal{};
  });
}

// Asks for the helpers that all programs need, with a program that every kernel accepts.
void Programs::Impl::ask_helpers() {
  const bpf_program* program = skeleton->progs.iter__tcp;
  const std::uint32_t target = targets[name_of_target(program, DoorKind::kIterator)].id;
  if (lacks_helper(program, target, BPF_FUNC_get_socket_cookie))
    choice.lose_cookies();  // then the hash gives sockets their numbers
  else if (lacks_helper(program, target, BPF_FUNC_sk_storage_get))
    choice.lose_storage();
}

// Probes the chosen programs. False: the kernel would refuse one, and another choice must be made.
bool Programs::Impl::ask_chosen(const Wanted& wanted) {
  for (std::size_t i = 0; i < plans().size(); ++i) {
    for (const ProgramRef& reference : programs_of(i, wanted)) {
      const DoorKind kind = choice.way_of(i)->kind;
      const bpf_program* program = find(reference);
      if (!taken.insert(bpf_program__name(program)).second) continue;
      // A kprobe program has no type of the kernel as its target.
      const std::uint32_t target =
          kind == DoorKind::kProbe ? 0 : targets[name_of_target(program, kind)].id;
      const int error = probe_program(program, target);
      if (error == 0) continue;
      if (kind == DoorKind::kIterator)
        return true;  // then nothing can be loaded, and loading says
                      // why
      choice.refuse(i, reference.program, refusal_of(kind, error, {}));
      return false;
    }
  }
  return true;
}

std::vector<ProgramRef> Programs::Impl::programs_of(std::size_t plan, const Wanted& wanted) {
  std::vector<ProgramRef> programs;
  const Way* way = choice.way_of(plan);
  if (!way) return programs;
  for (const ProgramRef& reference : way->programs) {
    if (reference.for_data && !(wanted.config.observe & WIRE_OBSERVE_DATA)) continue;
    if (reference.where_function_exists && !parameters_of(target_of(find(reference)))) continue;
    programs.push_back(reference);
  }
  return programs;
}

void Programs::Impl::fill_config(const Wanted& wanted) {
  wire_config& config = skeleton->rodata->config;
  config = wanted.config;
  const StateIn states_in = choice.states_in();
  config.states_in = states_in == StateIn::kHash         ? WIRE_STATES_IN_HASH
                     : states_in == StateIn::kByProtocol ? WIRE_STATES_BY_PROTOCOL
                                                         : WIRE_STATES_IN_STORAGE;
  config.has_cookies = choice.has_cookies() ? 1 : 0;
  config.udp_peers = choice.way_of(Observation::kUdpPeers) ? 1 : 0;
  config.dns = choice.way_of(Observation::kDnsMessages) ? 1 : 0;
  config.asked_servers = choice.way_of(Observation::kTranslatedDns) ? 1 : 0;
  const auto is_by = [this](DoorKind kind, Observation observation) {
    const Way* way = choice.way_of(observation);
    return way && way->kind == kind;
  };
  const auto udp_by = [&](DoorKind kind) {
    return static_cast<std::uint8_t>(
        (is_by(kind, Observation::kUdpSent) ? WIRE_UDP_SENT : 0u) |
        (is_by(kind, Observation::kUdpReceived) ? WIRE_UDP_RECEIVED : 0u));
  };
  config.udp_in_packets = udp_by(DoorKind::kCgroup);
  config.udp_in_calls = udp_by(DoorKind::kTracepoint);
  config.tcp_in_calls = is_by(DoorKind::kTracepoint, Observation::kTcpUse) ? 1 : 0;
  config.forget_at_close = choice.way_of(Observation::kTcpEnd) ? 0 : 1;
  // Where nothing reports the end of these sockets, their owners are kept only during one pass.
  config.mptcp_owners = states_in != StateIn::kStorage || !wanted.connections;
  bool by_function = false;
  for (std::size_t i = 0; i < plans().size(); ++i)
    if (const Way* way = choice.way_of(i))
      by_function |= way->kind == DoorKind::kFunction || way->kind == DoorKind::kProbe;
  if (by_function) {
    const auto parameters = [this](const char* function) {
      return static_cast<std::uint8_t>(parameters_of(function).value_or(0));
    };
    config.tcp_recvmsg_args = parameters("tcp_recvmsg");
    config.udp_recvmsg_args = parameters("udp_recvmsg");
    config.udpv6_recvmsg_args = parameters("udpv6_recvmsg");
    config.accept_args = parameters("inet_csk_accept");
  }
  bpf_map__set_max_entries(skeleton->maps.events, static_cast<std::uint32_t>(wanted.ring_bytes));
  if (config.udp_peers) {
    bpf_map__set_max_entries(skeleton->maps.udp_peers, wanted.udp_peers);
    bpf_map__set_max_entries(skeleton->maps.closed_udp, kClosedUdp);
  }
  if (config.asked_servers) bpf_map__set_max_entries(skeleton->maps.asked_servers, kAskedServers);
  if (states_in == StateIn::kByProtocol) {
    bpf_map__set_map_flags(skeleton->maps.sockets, BPF_F_NO_PREALLOC);  // no BPF_F_CLONE:
                                                                        // connections get no copy
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
  fill_config(wanted);
  std::map<std::string_view, std::pair<std::size_t, ProgramRef>> plan_of;
  for (std::size_t i = 0; i < plans().size(); ++i) {
    for (const ProgramRef& reference : programs_of(i, wanted)) {
      bpf_program* program = find(reference);
      bpf_program__set_autoload(program, true);
      plan_of.try_emplace(bpf_program__name(program), i, reference);
    }
  }
  LibbpfLog log;
  const LoadingFor loading(targets);
  const int error = sockscope_bpf__load(skeleton.get());
  if (error == 0) return {};
  std::string words = log.last_lines(12);
  const std::string refused = log.refused_program();
  const auto culprit = plan_of.find(refused);
  if (culprit == plan_of.end())
    return tl::make_unexpected(
        Failure{.error = Error::from_errno(ErrorKind::kLoadFailed, error, "load the programs")
                             .with_detail(std::move(words))});
  const auto& [plan, reference] = culprit->second;
  return tl::make_unexpected(Failure{
      plan, reference.program, refusal_of(choice.way_of(plan)->kind, error, log.objection()),
      Error::from_errno(ErrorKind::kLoadFailed, error,
                        "load the program for " + door_of(find(reference), reference))
          .with_detail(std::move(words))});
}

Programs::Impl::Outcome Programs::Impl::attach_chosen(const Wanted& wanted) {
  std::set<const bpf_program*> attached;  // one program may serve two observations
  for (std::size_t i = 0; i < plans().size(); ++i) {
    const std::vector<ProgramRef> references = programs_of(i, wanted);
    for (std::size_t at = 0; at < references.size(); ++at) {
      const ProgramRef& reference = references[at];
      const bool has_copy =
          reference.is_copy || (at + 1 < references.size() && references[at + 1].is_copy);
      bpf_program* program = find(reference);
      if (!attached.insert(program).second) continue;
      const DoorKind kind = choice.way_of(i)->kind;
      const std::string doing = "attach to " + std::string(attach_point_of(program));
      const bool is_of_states = reference.program == &ProgramSet::iter__bpf_map_elem;
      Link link =
          attach(program, kind, cgroup.get(),
                 bpf_map__fd(is_of_states ? skeleton->maps.states : skeleton->maps.sockets));
      if (!link)
        return tl::make_unexpected(
            Failure{i, reference.program, refusal_of(kind, errno, {}),
                    Error::from_errno(ErrorKind::kAttachFailed, errno, doing)});
      // Of two copies one does what the other was not run for: that is not missed.
      if (is_interruptible(kind) && !has_copy) missed.watch_program(bpf_program__fd(program));
      if (kind == DoorKind::kProbe) missed.watch_probe(bpf_link__fd(link.get()));
      links[i].push_back(std::move(link));
    }
  }
  return {};
}

std::string Programs::Impl::name_of(const Way& way) const {
  std::string names;
  for (const ProgramRef& reference : way.programs)
    if (!reference.where_function_exists && !reference.for_data && !reference.is_copy)
      names += (names.empty() ? "" : ", ") + door_of(find(reference), reference);
  return names;
}

void Programs::Impl::describe_doors() {
  const bool is_blind = !is_in_first_pid_namespace();
  for (std::size_t i = 0; i < plans().size(); ++i) {
    if (!choice.is_wanted(i)) continue;
    const Observation observation = plans()[i].observation;
    choice.for_each_refusal(i, [&](const Way& way, const Refusal& refusal) {
      if (refusal.reason == RefusalReason::kNoPackets)
        return;  // it works, but another way was
                 // preferred
      doors.push_back(
          {observation, name_of(way), to_string(refusal), {}, advice_for(way.kind, refusal)});
    });
    const Way* way = choice.way_of(i);
    if (!way) continue;
    std::string limits(way->limits);
    if (is_blind && way->kind == DoorKind::kTaskIterator)
      limits += (limits.empty() ? "" : "; ") +
                std::string("only processes of this pid namespace are seen");
    doors.push_back({observation, name_of(*way), {}, std::move(limits), {}});
  }
}

Result<Programs> Programs::load(const Wanted& wanted) {
  auto allowed = DoorChoice::parse(wanted.doors);
  if (!allowed) return tl::make_unexpected(std::move(allowed).error());
  if (auto permitted = check_permission(); !permitted)
    return tl::make_unexpected(std::move(permitted).error());

  auto impl = std::make_unique<Impl>(wanted, *allowed);
  WayChoice& choice = impl->choice;
  const LibbpfLog quiet;
  if (auto done = register_sections(); !done) return tl::make_unexpected(std::move(done).error());
  auto excerpt = ExcerptFile::make();
  if (!excerpt) return tl::make_unexpected(std::move(excerpt).error());
  impl->excerpt.emplace(std::move(*excerpt));
  if (auto done = impl->open(); !done) return tl::make_unexpected(std::move(done).error());
  if (auto done = impl->read_types(); !done) return tl::make_unexpected(std::move(done).error());
  impl->refuse_by_privilege();
  if (wanted.config.observe & WIRE_OBSERVE_DATA)
    choice.refuse_where([](const Way& way) {
      return way.sees_no_calls ? Refusal{RefusalReason::kSeesNoCalls} : Refusal{};
    });
  choice.weigh_packets();
  impl->refuse_by_types();
  impl->ask_helpers();
  for (;;) {
    choice.choose();
    if (const Plan* lost = choice.lost_essential()) {
      Refusal first{RefusalReason::kNotAmongDoors, wanted.doors};
      choice.for_each_refusal(static_cast<std::size_t>(lost - plans().data()),
                              [&](const Way&, const Refusal& refusal) {
                                if (first.reason == RefusalReason::kNotAmongDoors) first = refusal;
                              });
      return tl::make_unexpected(Error(ErrorKind::kKernelLacksFeature,
                                       std::make_error_code(std::errc::not_supported),
                                       "observe the " + std::string(to_string(lost->observation)))
                                     .with_detail(to_string(first)));
    }
    if (!impl->ask_chosen(wanted)) continue;
    auto done = impl->load_chosen(wanted);
    if (done) done = impl->attach_chosen(wanted);
    if (done) break;
    Impl::Failure& failure = done.error();
    if (failure.plan == plans().size())
      return tl::make_unexpected(explain_refusal(std::move(failure.error)));
    if (plans()[failure.plan].essential && !choice.has_another(failure.plan))
      return tl::make_unexpected(std::move(failure.error));
    choice.refuse(failure.plan, failure.program, failure.refusal);
    if (auto opened = impl->open(); !opened) return tl::make_unexpected(std::move(opened).error());
  }
  impl->cgroup.reset();
  impl->excerpt.reset();
  impl->describe_doors();
  impl->control =
      Mapping(bpf_map__fd(impl->skeleton->maps.control),
              static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), PROT_READ | PROT_WRITE, 0);
  if (!impl->control)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "map the control page"));
  if (choice.way_of(Observation::kUdpPeers))
    impl->udp_peers.emplace(bpf_map__fd(impl->skeleton->maps.udp_peers),
                            bpf_map__fd(impl->skeleton->maps.closed_udp));
  return Programs(std::move(impl));
}

Programs::Programs(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Programs::Programs(Programs&&) noexcept = default;
Programs& Programs::operator=(Programs&&) noexcept = default;
Programs::~Programs() = default;

Result<void> Programs::read(Observation pass,
                            const std::function<void(std::span<const std::byte>)>& handle) const {
  // Sockets of other network namespaces may be kept in two places, each with its own iterator.
  Result<void> done;
  for (const Link& link : impl_->links_of(pass))
    if (done) done = read_iterator(link.get(), handle);
  return done;
}

Result<std::size_t> Programs::read_udp_peers(const HandlePeer& handle) {
  if (!impl_->udp_peers) return 0;
  return impl_->udp_peers->read(handle);
}

bool Programs::shows_only_held_foreign_sockets() const noexcept {
  const Way* way = impl_->choice.way_of(Observation::kForeignSockets);
  return way && way->kind == DoorKind::kTaskIterator;
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
bool Programs::is_made(Observation observation) const noexcept {
  return impl_->choice.way_of(observation) != nullptr;
}

}  // namespace sockscope
