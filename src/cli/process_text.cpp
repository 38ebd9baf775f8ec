// SPDX-License-Identifier: Apache-2.0
#include "cli/process_text.h"

#include <fmt/format.h>

#include <cstring>

#include "base/text.h"

namespace sockscope {

std::string place_text(const ProcessInfo& process) {
  std::string text;
  if (!process.container().empty())
    text = fmt::format("  [{}]", clean_text(process.container()));
  else if (!process.unit().empty())
    text = fmt::format("  [{}]", clean_text(process.unit()));
  return text;
}

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

}  // namespace sockscope
