// SPDX-License-Identifier: Apache-2.0
#include "store/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "model/place.h"

namespace sockscope::store {
namespace {

using TalkKey = std::tuple<std::string, std::string, int, int, std::string, std::uint16_t>;

std::string_view place_of(const Flow& flow) {
  return flow.owner.process ? place_name(*flow.owner.process) : std::string_view();
}

TalkKey key_of(const Flow& flow) {
  return {std::string(flow.owner.name()),  std::string(place_of(flow)),
          static_cast<int>(flow.protocol), static_cast<int>(flow.direction),
          to_string(flow.remote.addr),     port_of(flow)};
}

void add(Talk& talk, const Edge& edge) {
  // The mean of means, weighed by connections.
  if (edge.srtt_us != 0) {
    const std::uint64_t known =
        talk.srtt_us == 0 ? 0 : std::max<std::uint64_t>(talk.connections, 1);
    const std::uint64_t more = std::max<std::uint64_t>(edge.connections, 1);
    talk.srtt_us = (talk.srtt_us * known + edge.srtt_us * more) / (known + more);
  }
  talk.is_there = true;
  talk.has_counters |= edge.has_counters;
  talk.connections += edge.connections;
  talk.failed += edge.failed;
  talk.moved += edge.moved;
}

double rate_of(const Talk& talk, double seconds) {
  return static_cast<double>(talk.moved.tx_bytes + talk.moved.rx_bytes) / std::max(seconds, 1e-9);
}

double failing_of(const Talk& talk) {
  const auto all = static_cast<double>(talk.connections + talk.failed);
  return all == 0 ? 0 : static_cast<double>(talk.failed) / all;
}

bool is_worth_telling(const Difference& each, double base_seconds, double with_seconds) {
  constexpr double kLeastRate = 1000;
  constexpr double kLeastShare = 0.1;
  const double before = rate_of(each.base, base_seconds);
  const double after = rate_of(each.with, with_seconds);
  const bool moves_otherwise = std::max(before, after) >= 2 * std::min(before, after);
  return (moves_otherwise && std::fabs(after - before) >= kLeastRate) ||
         std::fabs(failing_of(each.with) - failing_of(each.base)) >= kLeastShare;
}

}  // namespace

std::vector<Difference> compare(const std::vector<Edge>& base, double base_seconds,
                                const std::vector<Edge>& with, double with_seconds) {
  std::map<TalkKey, Difference> all;
  for (const auto& [edges, talk] :
       {std::pair{&base, &Difference::base}, std::pair{&with, &Difference::with}})
    for (const Edge& edge : *edges) {
      Difference& each = all[key_of(edge.flow)];
      each.flow = edge.flow;
      add(each.*talk, edge);
    }
  std::vector<Difference> told;
  for (auto& [key, each] : all) {
    each.change = !each.base.is_there   ? Change::kNew
                  : !each.with.is_there ? Change::kGone
                                        : Change::kChanged;
    each.rate_change = rate_of(each.with, with_seconds) - rate_of(each.base, base_seconds);
    if (each.change != Change::kChanged || is_worth_telling(each, base_seconds, with_seconds))
      told.push_back(std::move(each));
  }
  std::stable_sort(told.begin(), told.end(), [](const Difference& a, const Difference& b) {
    return std::pair(a.change, -std::fabs(a.rate_change)) <
           std::pair(b.change, -std::fabs(b.rate_change));
  });
  return told;
}

}  // namespace sockscope::store
