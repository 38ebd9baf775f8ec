// SPDX-License-Identifier: Apache-2.0
#include "cli/excerpt.h"

#include <algorithm>
#include <map>
#include <type_traits>

namespace sockscope {
namespace {

using enum ColumnId;
using Members = std::vector<std::string>;

// The members of columns that do not have the name of their member.
const std::map<ColumnId, Members>& renamed() {
  static const std::map<ColumnId, Members> kRenamed = {
      {kUser, {"uid"}},
      {kProto, {"proto", "family", "app"}},
      {kLocal, {"local_addr", "local_port"}},
      {kLport, {"local_port"}},
      {kRemote, {"remote_addr", "remote_port"}},
      {kRport, {"remote_port"}},
      {kNat, {"nat_local_addr", "nat_local_port", "nat_remote_addr", "nat_remote_port"}},
      {kStack, {"family", "local_addr", "ipv6_only"}},
      {kState, {"state", "closed"}},
      {kConns, {"open_flows"}},
      {kRate, {"rx_rate", "tx_rate"}},
      {kRetransmitRate, {"retransmits"}},
      {kRtt, {"srtt_us"}},
      {kMeanRtt, {"srtt_us"}},
      {kMinRtt, {"min_rtt_us"}},
      {kOtherPid, {"other_end.pid"}},
      {kOtherComm, {"other_end.comm"}},
      {kOtherNetns, {"other_end.netns"}},
      {kOtherLocal, {"other_end.local_addr", "other_end.local_port"}},
      {kAge, {"age_us"}},
      {kCmdline, {"cmdline", "arguments_truncated"}},
      {kContainer, {"container", "container_id"}},
      {kPod, {"pod_uid"}},
      {kParent, {"parents"}},
  };
  return kRenamed;
}

}  // namespace

template <class Row>
std::vector<std::string> json_members(const ColumnList<Row>& columns) {
  constexpr bool is_flow = std::is_same_v<Row, Flow>;
  Members all;
  const auto add = [&all](const std::string& member) {
    if (std::ranges::find(all, member) == all.end()) all.push_back(member);
  };
  for (const Column<Row>* column : columns) {
    const auto found = renamed().find(column->id);
    const std::string name(column->info().name);
    if (column->info().needs == Needs::kTcpInternals)
      add("tcp_info." + name);
    else if (!is_flow && column->id == kNetns)
      add("process_netns");
    else if (found == renamed().end())
      add(name);
    else
      std::ranges::for_each(found->second, add);
  }
  // Rows with this member are parts of other rows; who adds rows up must be able to leave them out.
  if (is_flow && !all.empty()) add("peer_of");
  return all;
}

template std::vector<std::string> json_members(const ColumnList<Flow>&);
template std::vector<std::string> json_members(const ColumnList<Process>&);

}  // namespace sockscope
