// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/door_kind.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sockscope {
namespace {

using enum DoorKind;

constexpr std::pair<DoorKind, std::string_view> kNames[] = {
    {kIterator, "iter"},    {kTaskIterator, "iter_task"}, {kMapIterator, "iter_map"},
    {kNumbering, "cgroup"}, {kTracepoint, "tp_btf"},      {kCgroup, "cgroup"},
    {kFunction, "fexit"},   {kProbe, "kprobe"},
};
constexpr unsigned bit(DoorKind kind) {
  return 1u << static_cast<int>(kind);
}
constexpr unsigned kIterators = bit(kTaskIterator) | bit(kMapIterator);
constexpr unsigned kHooks = bit(kTracepoint) | bit(kCgroup) | bit(kFunction) | bit(kProbe);

}  // namespace

std::string_view to_string(DoorKind kind) noexcept {
  for (const auto& [named, name] : kNames)
    if (named == kind) return name;
  return {};
}

Result<DoorChoice> DoorChoice::parse(std::string_view names) {
  DoorChoice choice;
  for (std::size_t begin = 0; !names.empty() && begin <= names.size();) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    const std::string_view name = names.substr(begin, end - begin);
    begin = end + 1;
    unsigned found = 0;
    for (const auto& [kind, known] : kNames)
      if (known == name) found |= bit(kind);
    if (found == 0)
      return tl::make_unexpected(
          Error(ErrorKind::kInvalidArgument, {}, "choose the hooks to use")
              .with_detail("there is no kind of hook '" + std::string(name) + "'")
              .with_hint("use tp_btf, cgroup, fexit, kprobe, iter_task, iter_map"));
    choice.named_ |= found;
  }
  return choice;
}

bool DoorChoice::allows(DoorKind kind) const noexcept {
  for (const unsigned group : {kIterators, kHooks})
    if ((group & bit(kind)) != 0) return (named_ & group) == 0 || names(kind);
  return true;
}

}  // namespace sockscope
