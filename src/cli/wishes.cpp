// SPDX-License-Identifier: Apache-2.0
#include "cli/wishes.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/suggest.h"
#include "cli/report.h"
#include "model/diagnosis.h"

namespace sockscope {
namespace {

enum class Where { kAnywhere, kHooks, kPolls };

struct Wish {
  bool Options::*asked;
  std::vector<Observation> observations;
  bool is_plural;
  Where where = Where::kAnywhere;  // where other sources have no such observation
};

const std::vector<Wish>& wishes() {
  static const std::vector<Wish> kWishes = {
      {&Options::udp_peers, {Observation::kUdpPeers}, true},
      {&Options::dns, {Observation::kDnsMessages}, true},
      {&Options::holders, {Observation::kHolders}, true},
      {&Options::refusals, {Observation::kRefusedAttempts}, true},
      {&Options::listen_drops, {Observation::kListenDrops}, true},
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

}  // namespace

std::vector<Door> complete_doors(std::vector<Door> doors, const Options& asked, Source in_use) {
  const bool is_polled = in_use != Source::kEbpf;
  const auto is_mentioned = [&](Observation observation) {
    return std::any_of(doors.begin(), doors.end(),
                       [&](const Door& door) { return door.observation == observation; });
  };
  for (const Wish& wish : wishes()) {
    if (!(asked.*wish.asked) || wish.where == (is_polled ? Where::kHooks : Where::kPolls)) continue;
    for (const Observation observation : wish.observations)
      if (!is_mentioned(observation))
        doors.push_back({observation, std::string(to_string(in_use)),
                         is_polled ? "only eBPF has a way" : "--doors leaves no way"});
  }
  return doors;
}

void report_unobserved(const std::vector<Door>& doors, const Options& asked) {
  const std::vector<Door> refused = unobserved(doors);
  for (const Wish& wish : wishes()) {
    if (!(asked.*wish.asked)) continue;
    std::vector<std::string_view> missing;
    std::string_view why;
    for (const Observation observation : wish.observations) {
      const auto door = std::find_if(refused.begin(), refused.end(), [&](const Door& each) {
        return each.observation == observation;
      });
      if (door == refused.end()) continue;
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

}  // namespace sockscope
