// SPDX-License-Identifier: Apache-2.0
#include "model/match.h"

#include <algorithm>
#include <utility>

#include "model/pattern.h"

namespace sockscope {
namespace {

bool contains(const std::vector<PortRange>& ranges, std::uint16_t port) {
  return std::any_of(ranges.begin(), ranges.end(), [port](const PortRange& range) {
    return port >= range.first && port <= range.last;
  });
}

bool is_in(const Filter& filter, const ProcessInfo* process) {
  if (!process || !process->cgroup) return false;
  const ControlGroup& group = *process->cgroup;
  if (!filter.unit.empty() && group.unit != filter.unit && group.unit != filter.unit + ".service" &&
      group.unit != filter.unit + ".scope")
    return false;
  if (!filter.container.empty() &&
      (group.container_id.empty() || (group.container_name != filter.container &&
                                      !group.container_id.starts_with(filter.container))))
    return false;
  if (filter.cgroup.empty()) return true;
  std::string_view above = filter.cgroup;
  while (above.size() > 1 && above.ends_with('/')) above.remove_suffix(1);
  return above == "/" || group.path == above ||
         (group.path.starts_with(above) && group.path[above.size()] == '/');
}

bool is_of_family(const Flow& flow, std::uint8_t family) {
  if (flow.local.addr.family == family) return true;
  // An IPv6 socket that also accepts IPv4.
  return family == 4 && flow.ipv6_only == false && flow.local.addr.is_unspecified();
}

}  // namespace

Result<FlowMatcher> FlowMatcher::compile(const Filter& filter) {
  FlowMatcher matcher(filter);
  const std::string& comm = filter.comm;
  if (comm.size() >= 2 && comm.front() == '/' && comm.back() == '/') {
    auto pattern = Pattern::compile(comm.substr(1, comm.size() - 2));
    if (!pattern)
      return tl::make_unexpected(
          Error(ErrorKind::kInvalidArgument, {}, "understand the regular expression " + comm)
              .with_detail(pattern.error()));
    matcher.name_ = std::move(*pattern);
  }
  matcher.matches_all_ = filter.pids.empty() && comm.empty() && !filter.uid && !filter.netns &&
                         filter.any_ports.empty() && filter.local_ports.empty() &&
                         filter.remote_ports.empty() && filter.family == 0 && !filter.protocol &&
                         !needs_process(filter);
  return matcher;
}

bool FlowMatcher::operator()(const Flow& flow) const {
  if (matches_all_) return true;
  const Filter& f = filter_;
  if (!f.pids.empty() && std::find(f.pids.begin(), f.pids.end(), flow.owner.pid) == f.pids.end())
    return false;
  if (name_) {
    if (!name_->is_in(flow.owner.name())) return false;
  } else if (!f.comm.empty() && flow.owner.name() != f.comm) {
    return false;
  }
  if (f.uid && flow.owner.uid != f.uid) return false;
  if (needs_process(f) && !is_in(f, flow.owner.process.get())) return false;
  if (f.netns && flow.netns != *f.netns) return false;
  if (f.family != 0 && !is_of_family(flow, f.family)) return false;
  if (f.protocol && flow.protocol != *f.protocol) return false;
  if (!f.local_ports.empty() && !contains(f.local_ports, flow.local.port)) return false;
  if (!f.remote_ports.empty() && !contains(f.remote_ports, flow.remote.port)) return false;
  if (!f.any_ports.empty() && !contains(f.any_ports, flow.local.port) &&
      !contains(f.any_ports, flow.remote.port))
    return false;
  return true;
}

}  // namespace sockscope
