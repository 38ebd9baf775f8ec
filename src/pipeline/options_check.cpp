// SPDX-License-Identifier: Apache-2.0
#include "pipeline/options_check.h"

#include <sys/types.h>

#include <string>
#include <utility>

#include "source/ebpf/door_kind.h"

namespace sockscope {
namespace {

constexpr std::size_t kLongestName = 15;  // of a process: TASK_COMM_LEN without the NUL
constexpr std::size_t kLargestRing = std::size_t{1} << 31;

Result<void> refuse(std::string detail) {
  return tl::make_unexpected(
      Error(ErrorKind::kInvalidArgument, {}, "use these options").with_detail(std::move(detail)));
}

bool is_regex(const std::string& comm) {
  return comm.size() >= 2 && comm.front() == '/' && comm.back() == '/';
}

Result<void> check_filter(const Filter& filter) {
  if (filter.family != 0 && filter.family != 4 && filter.family != 6)
    return refuse("filter.family is " + std::to_string(filter.family) + ", neither 4 nor 6");
  if (!is_regex(filter.comm) && filter.comm.size() > kLongestName)
    return refuse("filter.comm has more than 15 bytes, which no process's name has");
  for (const auto& [name, ranges] :
       {std::pair{"any_ports", &filter.any_ports}, std::pair{"local_ports", &filter.local_ports},
        std::pair{"remote_ports", &filter.remote_ports}})
    for (const PortRange& range : *ranges)
      if (range.first > range.last)
        return refuse(std::string("filter.") + name + " has a range from " +
                      std::to_string(range.first) + " to " + std::to_string(range.last));
  return {};
}

}  // namespace

Result<void> check_options(const Options& options) {
  if (options.source == Source::kCapture) return refuse("source is kCapture, which is not live");
  for (const auto& [name, time] :
       {std::pair{"poll_interval", options.poll_interval}, std::pair{"batch", options.batch}})
    if (time.count() <= 0) return refuse(std::string(name) + " is not positive");
  for (const auto& [name, time] : {std::pair{"keep_closed", options.keep_closed},
                                   std::pair{"settle_owner", options.settle_owner}})
    if (time.count() < 0) return refuse(std::string(name) + " is negative");
  if (options.ring_bytes > kLargestRing) return refuse("ring_bytes is more than 2 GiB");
  if (options.udp_peers && options.max_udp_peers == 0) return refuse("max_udp_peers is 0");
  if (options.udp_peers && !options.connections)
    return refuse("udp_peers is wanted without connections");
  if (options.late_openings && (options.data || options.exact_owners))
    return refuse("late_openings is wanted with data or exact_owners");
  if (auto doors = DoorChoice::parse(options.doors); !doors)
    return refuse("doors: " + doors.error().detail());
  return check_filter(options.filter);
}

}  // namespace sockscope
