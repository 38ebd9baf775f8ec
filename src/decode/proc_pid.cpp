// SPDX-License-Identifier: Apache-2.0
#include "decode/proc_pid.h"

#include <charconv>
#include <limits>

#include "decode/control_group.h"

namespace sockscope {
namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t at = text.find('\n');
  const std::string_view line = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return line;
}

std::string_view take_field(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const std::string_view field = text.substr(0, text.find_first_of(" \t\n"));
  text.remove_prefix(field.size());
  return field;
}

template <class T>
bool take_number(std::string_view& text, T& value) {
  const std::string_view field = take_field(text);
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  return error == std::errc{} && end == field.data() + field.size() && !field.empty();
}

// Some fields of /proc/PID/stat are -1.
bool skip_fields(std::string_view& text, int count) {
  for (; count > 0; --count)
    if (take_field(text).empty()) return false;
  return true;
}

}  // namespace

std::optional<ProcStat> parse_proc_stat(std::string_view text) {
  ProcStat stat;
  // Only the name may contain parentheses, so the last one ends it.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::nullopt;
  std::string_view head = text.substr(0, open);
  if (!take_number(head, stat.pid)) return std::nullopt;
  stat.comm = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  const std::string_view state = take_field(rest);
  if (state.size() != 1) return std::nullopt;
  stat.state = state[0];
  if (!take_number(rest, stat.parent_pid) || !skip_fields(rest, 1) ||  // process group
      !take_number(rest, stat.session) || !skip_fields(rest, 13) ||
      !take_number(rest, stat.threads) || !skip_fields(rest, 1) ||
      !take_number(rest, stat.start_ticks))
    return std::nullopt;
  if (!skip_fields(rest, 5) || !take_number(rest, stat.start_stack)) stat.start_stack = 0;
  return stat;
}

std::optional<ProcStatus> parse_proc_status(std::string_view text) {
  ProcStatus status;
  bool has_uid = false;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    line.remove_prefix(colon + 1);
    if (key == "Uid") {  // real, effective, saved, file system
      if (!skip_fields(line, 1) || !take_number(line, status.uid)) return std::nullopt;
      has_uid = true;
    } else if (key == "Gid") {
      if (!skip_fields(line, 1) || !take_number(line, status.gid)) return std::nullopt;
    } else if (key == "TracerPid") {
      if (!take_number(line, status.tracer_pid)) return std::nullopt;
    } else if (key == "NSpid") {  // from this namespace to the innermost
      std::uint32_t pid = 0;
      std::size_t levels = 0;
      for (; take_number(line, pid); ++levels) status.inner_pid = pid;
      if (levels < 2) status.inner_pid = 0;
    }
  }
  if (!has_uid) return std::nullopt;
  return status;
}

std::vector<std::string> split_arguments(std::string_view bytes) {
  std::vector<std::string> arguments;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\0'), bytes.size());
    arguments.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return arguments;
}

std::string join_arguments(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) {
    if (&argument != &arguments.front()) text += ' ';
    text += argument;
  }
  return text;
}

std::string parse_proc_cgroup(std::string_view text) {
  std::string_view best;
  int best_rank = 0;
  while (!text.empty()) {
    // hierarchy:controllers:path; the path may contain colons.
    std::string_view line = take_line(text);
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    const ControlGroup group = classify_control_group(path);
    const bool tells =
        group.runtime != ContainerRuntime::kNone || !group.unit.empty() || !group.pod_uid.empty();
    const bool is_second = controllers.empty();
    // Order of preference: a container, a unit, any place below the root, the root. Among equals:
    // version 2, then systemd's own hierarchy.
    int rank = group.runtime != ContainerRuntime::kNone ? 40 : tells ? 30 : path != "/" ? 20 : 10;
    rank += is_second ? 3 : controllers == "name=systemd" ? 2 : 1;
    if (is_second && path != "/") rank += 100;
    if (rank > best_rank) {
      best_rank = rank;
      best = path;
    }
  }
  return std::string(best);
}

std::uint32_t parse_namespace_link(std::string_view text) {
  const std::size_t open = text.find('[');
  if (open == std::string_view::npos || !text.ends_with(']')) return 0;
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data() + open + 1, end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end ? number : 0;
}

}  // namespace sockscope
