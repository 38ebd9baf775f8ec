// SPDX-License-Identifier: Apache-2.0
#include "format/doctor.h"

#include <fmt/format.h>
#include <sockscope/monitor.h>
#include <sys/utsname.h>

#include <algorithm>

#include "base/text.h"
#include "cli/command.h"
#include "cli/confinement.h"
#include "cli/option_groups.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/session.h"

namespace sockscope {
namespace {

std::string described(Source source) {
  switch (source) {
    case Source::kEbpf: return "eBPF: events as they happen";
    case Source::kSockDiag:
      return "sock_diag, polled: short-lived connections can be missed, UDP has no byte counts";
    case Source::kProcfs:
      return "/proc, polled: short-lived connections can be missed, there are no byte counts";
    case Source::kCapture:
    case Source::kAuto: break;
  }
  return {};
}

std::string report_of(const std::vector<Door>& doors, const std::vector<Diagnosis>& diagnoses,
                      Source source, const utsname& kernel) {
  std::string text = fmt::format("sockscope {} on Linux {} {}\nsource: {}\n", version(),
                                 kernel.release, kernel.machine, described(source));
  text += fmt::format(
      "once started: {}\n\n",
      can_confine()
          ? "it can only read and print (seccomp)"
          : "nothing keeps it to reading: this kernel has no filters of system calls (seccomp)");
  std::size_t width = 0;
  for (const Diagnosis& diagnosis : diagnoses)
    width = std::max(width, std::string_view(to_string(diagnosis.observation)).size());
  for (const Diagnosis& diagnosis : diagnoses) {
    text += fmt::format("{} {:<{}}  {}\n", diagnosis.in_use ? "ok     " : "MISSING",
                        to_string(diagnosis.observation), width,
                        diagnosis.in_use ? clean_text(diagnosis.in_use->name) : "");
    if (diagnosis.in_use && !diagnosis.in_use->limits.empty())
      text += fmt::format("          {:<{}}  {}\n", "but", width - 2, diagnosis.in_use->limits);
    for (const Door* door : diagnosis.refused) {
      text += fmt::format("          refused: {}: {}\n", clean_text(door->name),
                          clean_text(door->refused));
      if (!door->advice.empty()) text += fmt::format("          to do: {}\n", door->advice);
    }
  }
  const std::size_t missing = unobserved(doors).size();
  text += missing == 0 ? "\nnothing is missing\n"
                       : fmt::format("\n{} of {} cannot be observed\n", missing, diagnoses.size());
  return text;
}

void declare(CLI::App& app, Arguments& arguments) {
  in_group(app, "Output");
  app.add_flag_callback(
      "--json", [&arguments] { arguments.format = OutputFormat::kJson; }, "one JSON document");
  add_source(app, arguments);
}

// Asks for every observation.
Options observe(const Arguments& arguments) {
  Options options = asked_options(arguments);
  options.processes = true;
  options.holders = true;
  options.dns = true;
  options.refusals = true;
  options.listen_drops = true;
  options.udp_peers = true;
  options.exact_owners = true;
  options.translations = true;
  return options;
}

int run(const Arguments& arguments, const Options& observed) {
  auto monitor = Monitor::open(observed);
  if (!monitor) return report(monitor.error());
  const std::vector<Door> doors = monitor->doors();
  const std::vector<Diagnosis> diagnoses = diagnose(doors);
  utsname kernel{};
  ::uname(&kernel);
  Output output(-1);
  output.piece(arguments.is_json() ? doctor_json(diagnoses, monitor->source(), kernel.release,
                                                 kernel.machine, can_confine())
                                   : report_of(doors, diagnoses, monitor->source(), kernel));
  if (!output.flush()) return output.exit_code();
  return is_complete(diagnoses, monitor->source()) ? kExitDone : kExitIncomplete;
}

}  // namespace

const Command kDoctor = make_command<Arguments, declare, observe, run>({
    .name = "doctor",
    .usage = "doctor",
    .promise = "what can be observed here, and why not the rest",
    .summary = "what this host lets us observe",
    .examples = "What can be observed on this host, by which hook, and what to do about the rest.\n"
                "\n"
                "  sudo sockscope doctor\n"
                "  sockscope doctor --json | jq '.observations[] | select(.door == null)'\n",
    .notes = "\nExit code 0: nothing is missing; 3: something is missing; 4 and 5: nothing can be "
             "observed\n"
             "with the --source or the --doors that were asked for.\n",
});

}  // namespace sockscope
