// SPDX-License-Identifier: Apache-2.0
#include "decode/procfs.h"

#include <algorithm>
#include <charconv>

namespace sockscope {
namespace {

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return head;
}

// /proc/self/mounts writes spaces and the like as \040.
std::string unescape(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    unsigned value = 0;
    if (field[i] == '\\' && field.size() - i >= 4 &&
        std::from_chars(&field[i + 1], &field[i + 1] + 3, value, 8).ptr == &field[i + 1] + 3 &&
        value < 256) {
      text += static_cast<char>(value);
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

}  // namespace

std::optional<std::string> find_cgroup2_mount(std::string_view mounts) {
  while (!mounts.empty()) {
    std::string_view line = take_until(mounts, '\n');
    take_until(line, ' ');  // device
    const std::string_view directory = take_until(line, ' ');
    if (take_until(line, ' ') == "cgroup2") return unescape(directory);
  }
  return std::nullopt;
}

std::string find_cgroup2_root(std::string_view mountinfo) {
  while (!mountinfo.empty()) {
    std::string_view line = take_until(mountinfo, '\n');
    const std::size_t end = line.find(" - cgroup2 ");  // a varying number of fields comes before it
    if (end == std::string_view::npos) continue;
    for (int before = 0; before < 3; ++before) take_until(line, ' ');
    return unescape(take_until(line, ' '));
  }
  return {};
}

std::string relative_cgroup(std::string_view path, std::string_view root) {
  std::size_t common = 0;
  for (std::size_t i = 0;; ++i) {
    const bool path_ends = i == path.size();
    const bool root_ends = i == root.size();
    if ((path_ends || path[i] == '/') && (root_ends || root[i] == '/')) common = i;
    if (path_ends || root_ends || path[i] != root[i]) break;
  }
  std::string text;
  for (const char c : root.substr(common))
    if (c == '/') text += "/..";
  text += path.substr(common);
  return text.empty() ? "/" : text;
}

std::optional<ProcessStat> parse_stat(std::string_view stat) noexcept {
  // The name stands in parentheses and may contain any bytes, including parentheses.
  const std::size_t open = stat.find('(');
  const std::size_t close = stat.rfind(')');
  if (open == stat.npos || close == stat.npos || close < open) return std::nullopt;
  ProcessStat process;
  const std::string_view name = stat.substr(open + 1, close - open - 1);
  std::copy_n(name.begin(), std::min(name.size(), process.comm.size() - 1), process.comm.begin());
  constexpr int kStartField = 22;
  constexpr int kFirstAfterName = 3;
  std::string_view rest = stat.substr(std::min(close + 2, stat.size()));
  for (int field = kFirstAfterName; field < kStartField; ++field) take_until(rest, ' ');
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), process.start_ticks);
  // A truncated text ends within the number.
  if (error != std::errc{} || end == rest.data() + rest.size()) return std::nullopt;
  return process;
}

std::optional<std::uint32_t> find_real_uid(std::string_view status) noexcept {
  constexpr std::string_view kKey = "Uid:";
  while (!status.empty()) {
    std::string_view line = take_until(status, '\n');
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(std::min(line.find_first_not_of(" \t", kKey.size()), line.size()));
    std::uint32_t uid = 0;
    if (std::from_chars(line.data(), line.data() + line.size(), uid).ec == std::errc{}) return uid;
  }
  return std::nullopt;
}

std::optional<std::string> find_cgroup2_path(std::string_view cgroups) {
  constexpr std::string_view kKey = "0::";
  while (!cgroups.empty()) {
    const std::string_view line = take_until(cgroups, '\n');
    if (line.starts_with(kKey)) return std::string(line.substr(kKey.size()));
  }
  return std::nullopt;
}

}  // namespace sockscope
