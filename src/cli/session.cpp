// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/kernel_namespace.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/confinement.h"
#include "cli/lookup.h"
#include "cli/network_namespace.h"
#include "cli/report.h"
#include "cli/wishes.h"
#include "model/diagnosis.h"
#include "view/columns.h"

namespace sockscope {

Fd take_stop_signals() {
  sigset_t stop;
  ::sigemptyset(&stop);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    if (!is_ignored(signal)) ::sigaddset(&stop, signal);
  ::sigprocmask(SIG_BLOCK, &stop, nullptr);
  return Fd(::signalfd(-1, &stop, SFD_CLOEXEC));
}

namespace {

// What the source in use cannot show of this command's results.
std::string limits_of(const Options& options, std::optional<std::string_view> polls_miss,
                      const Monitor& monitor) {
  const bool has_counters = monitor.source() == Source::kSockDiag;
  std::string text = has_counters ? "UDP has no byte counts" : "there are no byte counts";
  if (polls_miss)
    text += fmt::format(
        "; connections shorter than {} ms {}{}", options.poll_interval.count(),
        has_counters ? "are seen only at their end and without their process" : "can be missed",
        *polls_miss);
  if (options.dns && is_observed(monitor.doors(), Observation::kDnsMessages))
    text += "; DNS has a process only where its socket is seen by a poll";
  return text;
}

// Tells a user who did not ask for another source that eBPF is refused, and why.
void note_source(const Options& options, std::optional<std::string_view> polls_miss,
                 const Monitor& monitor) {
  const Source source = monitor.source();
  if (source == Source::kEbpf) return;
  const std::string limits =
      fmt::format("{} is polled: {}", to_string(source), limits_of(options, polls_miss, monitor));
  if (options.source == source) {
    report(limits, "", "");
    return;
  }
  std::string why = "it is refused";
  for (const Door& door : monitor.doors())
    if (door.name == to_string(Source::kEbpf) && !door.refused.empty()) why = door.refused;
  report("not with eBPF: " + why, limits,
         ::geteuid() == 0 ? "--source ebpf says what eBPF would need"
                          : "run with sudo to see everything; --source ebpf says what eBPF needs");
}

// Says that programs in the kernel report the host's pids, whatever /proc shows here.
void note_pid_namespace(const Monitor& monitor) {
  if (monitor.source() != Source::kEbpf || is_in_first_pid_namespace()) return;
  report("this is a pid namespace of its own: pids are shown as the host has them",
         "the process of a socket older than sockscope is known only if it runs in this namespace",
         "run it on the host, or in a container with the host's pid namespace");
}

}  // namespace

HostId this_host() {
  char name[HOST_NAME_MAX + 1] = "";
  ::gethostname(name, sizeof name - 1);
  return {name, read_line("/proc/sys/kernel/random/boot_id")};
}

std::uint64_t wall_now_ns() {
  return clock_ns(CLOCK_REALTIME);
}

Session::Session(const Arguments& given, Monitor opened, FlowFilter compiled, Fd signals)
    : signals_(std::move(signals)),
      arguments(given),
      monitor(std::move(opened)),
      filter(std::move(compiled)),
      host(this_host()),
      output(signals_.get()) {}

Options asked_options(const Arguments& arguments) {
  Options options = arguments.options;
  const auto filter = FlowFilter::parse(arguments.filter, user_id);
  options.describe |= (filter && filter->needs(Needs::kDescription)) ||
                      is_needed(Needs::kDescription, arguments.columns) ||
                      is_needed(Needs::kDescription, arguments.sort);
  options.whole_arguments = arguments.wide;
  options.tcp_internals |= (filter && filter->needs(Needs::kTcpInternals)) ||
                           is_needed(Needs::kTcpInternals, arguments.columns) ||
                           is_needed(Needs::kTcpInternals, arguments.sort);
  options.translations |= is_needed(Needs::kTranslations, arguments.columns);
  return options;
}

std::optional<FlowFilter> compile_filter(const Arguments& arguments) {
  auto filter = FlowFilter::parse(arguments.filter, user_id);
  const bool is_usable = filter && (arguments.shows_events() || !filter->asks_for_events());
  if (is_usable) return std::move(*filter);
  const std::string why =
      filter ? "there are no events here: 'event' and 'rcode' are for trace, and top's screen"
             : filter.error();
  report("cannot understand --filter: " + why, "",
         "see 'sockscope help filter' for the filter language");
  return std::nullopt;
}

Result<Monitor> open_monitor(const Arguments& arguments, const Options& observed) {
  const auto& netns = arguments.options.filter.netns;
  if (netns && arguments.numbers_netns)
    if (auto checked = check_netns(*netns); !checked)
      return tl::make_unexpected(std::move(checked).error());
  if (netns && (observed.tcp_internals || observed.listen_drops))
    if (auto entered = enter_netns(*netns); !entered)
      return tl::make_unexpected(std::move(entered).error());
  auto monitor = Monitor::open(observed);
  if (!netns || !monitor || monitor->source() == Source::kEbpf) return monitor;
  auto moved = enter_netns(*netns);
  if (!moved) return tl::make_unexpected(std::move(moved).error());
  return *moved ? Monitor::open(observed) : std::move(monitor);
}

bool refuses_internals(const Options& observed, std::string_view command) {
  if (!observed.tcp_internals) return false;
  report(fmt::format("{} does not have TCP's own numbers (cwnd and so on): only snapshots do",
                     command),
         "", "see 'sockscope help snapshot'");
  return true;
}

tl::expected<Session, int> Session::open(const Arguments& arguments, const Options& observed,
                                         std::optional<std::string_view> polls_miss,
                                         bool is_root_needed, const Allowed& allowed) {
  auto filter = compile_filter(arguments);
  if (!filter) return tl::make_unexpected(int{kExitUsage});
  auto monitor = open_monitor(arguments, observed);
  if (!monitor) return tl::make_unexpected(report(monitor.error()));
  if (!arguments.quiet) {
    note_source(observed, polls_miss, *monitor);
    note_pid_namespace(*monitor);
    report_unobserved(complete_doors(monitor->doors(), arguments.options, monitor->source()),
                      arguments.options);
  }
  ::malloc_trim(0);  // reading the kernel's types leaves much free memory
  // The names of containers are in files that only root may read.
  is_root_needed |= observed.describe || observed.processes;
  if (auto shed = shed_privileges(monitor->source(), is_root_needed, allowed); !shed)
    return tl::make_unexpected(report(shed.error()));
  return Session(arguments, std::move(*monitor), std::move(*filter), take_stop_signals());
}

std::vector<Door> Session::doors() const {
  return complete_doors(monitor.doors(), arguments.options, monitor.source());
}

Result<Snapshot> Session::snapshot(const Monitor::Handler& handler) {
  return monitor.snapshot(handler).map([this](Snapshot snapshot) {
    snapshot.doors = complete_doors(std::move(snapshot.doors), arguments.options, snapshot.source);
    return snapshot;
  });
}

int Session::exit_code(bool has_match) const {
  if (arguments.strict && !unobserved(doors()).empty()) return kExitIncomplete;
  return arguments.expects_match && !has_match ? kExitFailed : kExitDone;
}

void apply_filter(Snapshot& snapshot, const FlowFilter& filter) {
  if (filter.matches_all()) return;
  std::erase_if(snapshot.flows, [&](const Flow& flow) { return !filter.matches(flow); });
  std::set<std::pair<std::uint32_t, std::uint64_t>> wanted;
  for (const Flow& flow : snapshot.flows) wanted.emplace(flow.owner.pid, flow.owner.start_ns);
  std::erase_if(snapshot.processes, [&](const Process& process) {
    return !wanted.contains({process.pid, process.start_ns});
  });
}

void note_alerts(Detectors& detectors, Snapshot& snapshot) {
  detectors.take(snapshot, nullptr);
  detectors.tick(snapshot.mono_ns, static_cast<std::int64_t>(snapshot.wall_ns - snapshot.mono_ns),
                 nullptr);
  snapshot.alerts = std::make_shared<const std::vector<Alert>>(detectors.alerts());
}

}  // namespace sockscope
