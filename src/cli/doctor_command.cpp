// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sockscope/monitor.h>
#include <sys/utsname.h>

#include <algorithm>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/session.h"
#include "snapshot/doctor.h"

namespace sockscope {
namespace {

std::string described(Source source) {
  switch (source) {
    case Source::kEbpf:
      return "eBPF: events as they happen";
    case Source::kSockDiag:
      return "sock_diag, polled: short-lived connections can be missed, UDP has no byte counts";
    case Source::kProcfs:
      return "/proc, polled: short-lived connections can be missed, there are no byte counts";
    case Source::kCapture:
    case Source::kAuto:
      break;
  }
  return {};
}

std::string report_of(const std::vector<Door>& doors, const std::vector<Diagnosis>& diagnoses,
                      Source source, const utsname& kernel) {
  std::string text = fmt::format("sockscope {} on Linux {} {}\nsource: {}\n\n", version(),
                                 kernel.release, kernel.machine, described(source));
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
  const std::size_t missing = count_unobserved(doors);
  text += missing == 0 ? "\nnothing is missing\n"
                       : fmt::format("\n{} of {} cannot be observed\n", missing, diagnoses.size());
  return text;
}

}  // namespace

int run_doctor(const Arguments& arguments) {
  auto monitor = Monitor::open(arguments.options);
  if (!monitor) return report(monitor.error());
  const std::vector<Door> doors = monitor->doors();
  const std::vector<Diagnosis> diagnoses = diagnose(doors);
  utsname kernel{};
  ::uname(&kernel);
  Output output(-1);
  output.piece(arguments.format == OutputFormat::kTable
                   ? report_of(doors, diagnoses, monitor->source(), kernel)
                   : doctor_json(diagnoses, monitor->source(), kernel.release, kernel.machine));
  if (!output.flush()) return output.exit_code();
  return is_complete(diagnoses, monitor->source()) ? kExitDone : kExitIncomplete;
}

}  // namespace sockscope
