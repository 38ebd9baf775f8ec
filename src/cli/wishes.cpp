// SPDX-License-Identifier: Apache-2.0
#include "cli/wishes.h"

#include <fmt/format.h>

#include <set>
#include <span>
#include <string>
#include <string_view>

#include "cli/report.h"
#include "view/suggest.h"

namespace sockscope {
namespace {

enum class Where { kAnywhere, kHooks, kPolls };

struct Wish {
  bool Options::*asked;
  std::vector<Observation> observations;
  bool is_plural;
  Where where = Where::kAnywhere;  // the other sources know no such observation
};

const std::vector<Wish>& wishes() {
  static const std::vector<Wish> kWishes = {
      {&Options::udp_peers, {Observation::kUdpPeers}, true},
      {&Options::dns, {Observation::kDnsMessages}, true},
      {&Options::holders, {Observation::kHolders}, true},
      {&Options::refusals, {Observation::kRefusedAttempts}, true},
      {&Options::translations, {Observation::kTranslations}, true},
      {&Options::exact_owners, {Observation::kTcpUse}, false, Where::kHooks},
      {&Options::data,
       {Observation::kTcpUse, Observation::kUdpSent, Observation::kUdpReceived},
       true,
       Where::kHooks},
      {&Options::data, {Observation::kEachCall}, false, Where::kPolls},
      {&Options::processes,
       {Observation::kProcessFork, Observation::kProcessExec, Observation::kProcessExit,
        Observation::kProcessName, Observation::kCoreDump, Observation::kProcessUser,
        Observation::kProcessGroup, Observation::kProcessSession, Observation::kProcessTracer},
       false}};
  return kWishes;
}

// The last door to it: one that is in use, or the last that was refused. Null: there is none.
const Door* find_door(std::span<const Door> doors, Observation observation) {
  const Door* last = nullptr;
  for (const Door& door : doors)
    if (door.observation == observation && (last == nullptr || !last->refused.empty()))
      last = &door;
  return last;
}

}  // namespace

bool is_observed(std::span<const Door> doors, Observation observation) {
  const Door* door = find_door(doors, observation);
  return door != nullptr && door->refused.empty();
}

std::vector<Door> complete_doors(std::vector<Door> doors, const Options& asked, Source in_use) {
  const bool is_polled = in_use != Source::kEbpf;
  for (const Wish& wish : wishes()) {
    if (!(asked.*wish.asked) || wish.where == (is_polled ? Where::kHooks : Where::kPolls)) continue;
    for (const Observation observation : wish.observations)
      if (find_door(doors, observation) == nullptr)
        doors.push_back({observation, std::string(to_string(in_use)),
                         is_polled ? "only eBPF has a way" : "--doors leaves no way"});
  }
  return doors;
}

void report_unobserved(const std::vector<Door>& doors, const Options& asked) {
  for (const Wish& wish : wishes()) {
    if (!(asked.*wish.asked)) continue;
    std::vector<std::string_view> missing;
    std::string_view why;
    for (const Observation observation : wish.observations) {
      const Door* door = find_door(doors, observation);
      if (door == nullptr || door->refused.empty()) continue;
      if (missing.empty())
        why = std::string_view(door->refused).substr(0, door->refused.find('\n'));
      missing.push_back(to_string(observation));
    }
    if (missing.empty()) continue;
    report(fmt::format("{} {} not observed: {}", comma_list(missing),
                       wish.is_plural || missing.size() > 1 ? "are" : "is", why),
           "", "");
  }
}

std::size_t count_unobserved(const std::vector<Door>& doors) {
  std::set<Observation> refused;
  for (const Door& door : doors) refused.insert(door.observation);
  for (const Door& door : doors)
    if (door.refused.empty()) refused.erase(door.observation);
  return refused.size();
}

}  // namespace sockscope
