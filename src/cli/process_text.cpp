// SPDX-License-Identifier: Apache-2.0
#include "cli/process_text.h"

#include <fmt/format.h>

#include <cstring>

#include "base/text.h"

namespace sockscope {
namespace {

std::string place_text(const ProcessInfo& process) {
  std::string text;
  if (!process.container().empty())
    text = fmt::format("  [{}]", clean_text(process.container()));
  else if (!process.unit().empty())
    text = fmt::format("  [{}]", clean_text(process.unit()));
  return text;
}

}  // namespace

std::string exit_text(std::uint32_t exit_status) {
  ProcessEvent ended;
  ended.exit_status = exit_status;
  if (const auto code = ended.exit_code()) return fmt::format("exit {}", *code);
  const char* name = ::sigabbrev_np(static_cast<int>(ended.ended_by()));
  return fmt::format("signal {}{}", name ? std::string(name) : std::to_string(ended.ended_by()),
                     ended.dumped_core() ? ", core dumped" : "");
}

std::string describe_process(const Event& event) {
  const auto& happened = std::get<ProcessEvent>(event.what);
  const ProcessInfo* info = event.flow.owner.process.get();
  const std::string parents =
      info && !info->parents.empty() ? " (" + clean_text(info->parents) + ")" : "";
  switch (happened.kind) {
    case ProcessEventKind::kFork: return fmt::format("by {}{}", happened.parent_pid, parents);
    case ProcessEventKind::kExec:
      return info ? clean_text(info->cmdline().empty() ? info->exe() : info->cmdline())
                  : std::string();
    case ProcessEventKind::kUid:
    case ProcessEventKind::kGid:
      return fmt::format("real {} effective {}", happened.real_id, happened.effective_id);
    case ProcessEventKind::kSid: return fmt::format("session {}", happened.pid);
    case ProcessEventKind::kPtrace:
      return happened.tracer_pid == 0 ? "let go" : fmt::format("traced by {}", happened.tracer_pid);
    case ProcessEventKind::kComm: return "is its new name";
    case ProcessEventKind::kCoredump: return fmt::format("child of {}", happened.parent_pid);
    case ProcessEventKind::kExit: return exit_text(happened.exit_status) + parents;
    case ProcessEventKind::kUnknown: break;
  }
  return fmt::format("event {:#x}", happened.number);
}

std::string story_text(const Story& story) {
  const ProcessInfo& process = *story.process;
  std::string text = fmt::format("{} {}", clean_text(process.name()), process.pid);
  if (process.inner_pid != 0) text += fmt::format("/{}", process.inner_pid);
  if (!process.parents.empty()) text += fmt::format(" ({})", clean_text(process.parents));
  if (process.uid) text += fmt::format(" uid {}", *process.uid);
  text += "  " + (story.duration_us ? format_duration_us(*story.duration_us) : "—");
  text += fmt::format("  {} {}", story.connections, story.connections == 1 ? "conn" : "conns");
  if (story.failed != 0) text += fmt::format(", {} failed", story.failed);
  if (story.dns_unanswered.value_or(0) != 0)
    text += fmt::format(", {} DNS unanswered", *story.dns_unanswered);
  if (story.still_open != 0) text += fmt::format(", {} still open", story.still_open);
  if (story.connections != 0)
    text +=
        fmt::format("  tx {} rx {}", format_bytes(story.tx_bytes), format_bytes(story.rx_bytes));
  if (story.retransmits != 0) text += fmt::format("  retr {}", story.retransmits);
  if (story.worst_rtt_us != 0)
    text += fmt::format("  worst RTT {} ms", format_ms(story.worst_rtt_us));
  return text + "  " + exit_text(story.exit_status) + place_text(process);
}

}  // namespace sockscope
