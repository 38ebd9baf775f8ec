// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/file.h"
#include "decode/procfs.h"
#include "source/ebpf/libbpf_log.h"
#include "source/ebpf/permission.h"
#include "source/ebpf/sockscope.skel.h"

namespace sockscope {
namespace {

enum class Need { kAlways, kConnections, kQuality };

struct Observation {
  const char* name;
  Need need;
  bool essential;
  std::array<const char*, 2> doors;  // programs, best first
};

constexpr Observation kObservations[] = {
    {"tcp sockets", Need::kAlways, true, {"iter__tcp"}},
    {"udp sockets", Need::kAlways, false, {"iter__udp"}},
    {"sockets of other network namespaces", Need::kAlways, false, {"iter__bpf_sk_storage_map"}},
    {"owners of older sockets", Need::kAlways, false, {"iter__task_file"}},
    {"tcp lifecycle", Need::kConnections, true, {"tp_btf__inet_sock_set_state"}},
    {"udp sent bytes, sending process", Need::kConnections, false, {"tp_btf__sock_send_length"}},
    {"udp received bytes, receiving process", Need::kConnections, false,
     {"tp_btf__sock_recv_length"}},
    {"udp birth", Need::kConnections, false, {"cgroup__sock_create"}},
    {"udp close, closing process", Need::kConnections, false, {"cgroup__sock_release"}},
    {"accepting process, IPv4", Need::kConnections, false, {"cgroup__getpeername4"}},
    {"accepting process, IPv6", Need::kConnections, false, {"cgroup__getpeername6"}},
    {"retransmits", Need::kQuality, false,
     {"tp_btf__tcp_retransmit_skb_err", "tp_btf__tcp_retransmit_skb"}},
    {"resets sent", Need::kQuality, false, {"tp_btf__tcp_send_reset"}},
    {"resets received", Need::kQuality, false, {"tp_btf__tcp_receive_reset"}},
};
constexpr std::size_t kObservationCount = std::size(kObservations);

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
std::string door_name(const bpf_program* program) {
  std::string_view section = bpf_program__section_name(program);
  if (section.starts_with('?')) section.remove_prefix(1);
  const bool with_error = std::string_view(bpf_program__name(program)).ends_with("_err");
  return std::string(section) + (with_error ? " with its error" : "");
}

// Which door of each observation is tried; past the last: none.
using Choice = std::array<std::size_t, kObservationCount>;

const char* chosen_door(const Choice& choice, std::size_t observation) {
  const auto& doors = kObservations[observation].doors;
  return choice[observation] < doors.size() ? doors[choice[observation]] : nullptr;
}

Link attach(bpf_program* program, int cgroup, int storage_map, const std::string& door) {
  if (door.starts_with("cgroup/")) return Link(bpf_program__attach_cgroup(program, cgroup));
  if (door == "iter/bpf_sk_storage_map") {
    bpf_iter_link_info info{};
    info.map.map_fd = static_cast<std::uint32_t>(storage_map);
    bpf_iter_attach_opts options{};
    options.sz = sizeof options;
    options.link_info = &info;
    options.link_info_len = sizeof info;
    return Link(bpf_program__attach_iter(program, &options));
  }
  return Link(bpf_program__attach(program));
}

}  // namespace

struct Programs::Impl {
  Skeleton skeleton;
  std::array<Link, kObservationCount> links;
  Mapping control;
  std::vector<Door> doors;

  const Link& link_of(std::string_view program) const {
    for (std::size_t i = 0; i < kObservationCount; ++i)
      if (kObservations[i].doors[0] == program) return links[i];
    return links[0];
  }

  // Opens, loads and attaches the chosen doors. A refused one is noted in `refused`.
  struct Refusal {
    std::size_t observation = kObservationCount;  // count: not a matter of one program
    Error error;
  };
  tl::expected<void, Refusal> try_doors(const Wanted& wanted, const Choice& choice);
};

tl::expected<void, Programs::Impl::Refusal> Programs::Impl::try_doors(const Wanted& wanted,
                                                                      const Choice& choice) {
  links = {};
  skeleton.reset(sockscope_bpf__open());
  if (!skeleton)
    return tl::make_unexpected(Refusal{
        kObservationCount, Error::from_errno(ErrorKind::kLoadFailed, errno, "open the programs")});
  skeleton->rodata->config = wanted.config;
  bpf_map__set_max_entries(skeleton->maps.events, static_cast<std::uint32_t>(wanted.ring_bytes));

  std::array<bpf_program*, kObservationCount> programs{};
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    const char* name = chosen_door(choice, i);
    if (!name) continue;
    programs[i] = bpf_object__find_program_by_name(skeleton->obj, name);
    bpf_program__set_autoload(programs[i], true);
  }

  LibbpfLog log;
  if (const int error = sockscope_bpf__load(skeleton.get()); error != 0) {
    const std::string culprit = log.refused_program();
    std::size_t observation = 0;
    while (observation < kObservationCount &&
           (!programs[observation] || culprit != bpf_program__name(programs[observation])))
      ++observation;
    const std::string what = observation < kObservationCount
                                 ? "load the program for " + door_name(programs[observation])
                                 : "load the programs";
    return tl::make_unexpected(Refusal{
        observation,
        Error::from_errno(ErrorKind::kLoadFailed, error, what).with_detail(log.last_lines(12))});
  }

  const std::string mount =
      find_cgroup2_mount(read_text("/proc/self/mounts")).value_or("/sys/fs/cgroup");
  const Fd cgroup(::open(mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  const bool is_root = ::fstat(cgroup.get(), &status) == 0 && status.st_ino == kRootCgroup;
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    if (!programs[i]) continue;
    const std::string door = door_name(programs[i]);
    if (door.starts_with("cgroup/") && !is_root)
      return tl::make_unexpected(Refusal{
          i, Error(ErrorKind::kAttachFailed, std::make_error_code(std::errc::not_supported),
                   "attach to " + door)
                 .with_detail("the host's root cgroup is not to be seen from here")});
    links[i] =
        attach(programs[i], cgroup.get(), bpf_map__fd(skeleton->maps.sockets), door);
    if (!links[i])
      return tl::make_unexpected(Refusal{
          i, Error::from_errno(ErrorKind::kAttachFailed, errno, "attach to " + door)});
  }
  return {};
}

Result<Programs> Programs::load(const Wanted& wanted) {
  if (auto allowed = check_permission(); !allowed) return tl::make_unexpected(allowed.error());

  auto impl = std::make_unique<Impl>();
  Choice choice{};
  std::array<std::vector<Door>, kObservationCount> refused;
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    const Need need = kObservations[i].need;
    const bool needed = need == Need::kAlways || (need == Need::kConnections && wanted.connections) ||
                        (need == Need::kQuality && wanted.quality);
    if (!needed) choice[i] = kObservations[i].doors.size();
  }
  for (;;) {
    auto done = impl->try_doors(wanted, choice);
    if (done) break;
    const std::size_t i = done.error().observation;
    Error& error = done.error().error;
    if (i == kObservationCount) return tl::make_unexpected(explain_refusal(std::move(error)));
    const bpf_program* program =
        bpf_object__find_program_by_name(impl->skeleton->obj, chosen_door(choice, i));
    refused[i].push_back({kObservations[i].name, door_name(program),
                          error.kind() == ErrorKind::kAttachFailed && !error.detail().empty()
                              ? error.detail()
                              : error.code().message()});
    ++choice[i];
    if (!chosen_door(choice, i)) {
      if (kObservations[i].essential) return tl::make_unexpected(std::move(error));
      choice[i] = kObservations[i].doors.size();
    }
  }

  for (std::size_t i = 0; i < kObservationCount; ++i) {
    std::move(refused[i].begin(), refused[i].end(), std::back_inserter(impl->doors));
    if (const char* name = chosen_door(choice, i))
      impl->doors.push_back(
          {kObservations[i].name,
           door_name(bpf_object__find_program_by_name(impl->skeleton->obj, name)),
           {}});
  }
  impl->control = Mapping(bpf_map__fd(impl->skeleton->maps.control),
                          static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)),
                          PROT_READ | PROT_WRITE, 0);
  if (!impl->control)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "map the control page"));
  return Programs(std::move(impl));
}

Programs::Programs(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Programs::Programs(Programs&&) noexcept = default;
Programs& Programs::operator=(Programs&&) noexcept = default;
Programs::~Programs() = default;

Result<void> Programs::read(
    Pass pass, const std::function<void(std::span<const std::byte>)>& handle) const {
  static constexpr const char* kPrograms[] = {"iter__tcp", "iter__udp", "iter__bpf_sk_storage_map",
                                              "iter__task_file"};
  const Link& link = impl_->link_of(kPrograms[static_cast<std::size_t>(pass)]);
  if (!link) return {};
  const Fd iterator(bpf_iter_create(bpf_link__fd(link.get())));
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

int Programs::ring_fd() const noexcept { return bpf_map__fd(impl_->skeleton->maps.events); }
std::size_t Programs::ring_bytes() const noexcept {
  return bpf_map__max_entries(impl_->skeleton->maps.events);
}
wire_control& Programs::control() const noexcept {
  return *reinterpret_cast<wire_control*>(impl_->control.data());
}
const std::vector<Door>& Programs::doors() const noexcept { return impl_->doors; }
bool Programs::is_open(std::string_view name) const noexcept {
  return std::any_of(impl_->doors.begin(), impl_->doors.end(),
                     [name](const Door& door) { return door.name == name && door.refused.empty(); });
}

}  // namespace sockscope
