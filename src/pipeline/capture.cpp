// SPDX-License-Identifier: Apache-2.0
#include <sockscope/capture.h>

#include <map>
#include <utility>

#include "decode/captures.h"
#include "model/match.h"
#include "source/procfs/socket_owners.h"
#include "source/procfs/socket_tables.h"

namespace sockscope {
namespace {

struct Tool {
  const char* name;
  const char* command;
  Capture (*parse)(std::string_view);
};

const Tool& tool_of(CaptureKind kind) {
  static const Tool kSs{"ss", "ss -tunapi", parse_ss};
  static const Tool kLsof{"lsof", "lsof -i -n -P -F pcPtTn", parse_lsof};
  static const Tool kNettop{"nettop", "nettop -x -n -m tcp -l 1", parse_nettop};
  switch (kind) {
    case CaptureKind::kLsof: return kLsof;
    case CaptureKind::kNettop: return kNettop;
    case CaptureKind::kSs:
    case CaptureKind::kProc: break;
  }
  return kSs;
}

std::vector<Process> sum_up(const std::vector<Flow>& flows) {
  std::map<std::uint32_t, Process> by_pid;
  std::map<std::uint32_t, std::pair<std::uint64_t, std::uint32_t>> rtts;
  for (const Flow& flow : flows) {
    Process& process = by_pid[flow.owner.pid];
    process.pid = flow.owner.pid;
    process.comm = flow.owner.comm;
    process.uid = flow.owner.uid;
    flow.direction == Direction::kListen ? ++process.listeners : ++process.open_flows;
    process.rx_bytes += flow.counters.rx_bytes;
    process.tx_bytes += flow.counters.tx_bytes;
    process.retransmits += flow.counters.retransmits;
    if (flow.counters.srtt_us != 0) {
      auto& [sum, count] = rtts[flow.owner.pid];
      sum += flow.counters.srtt_us;
      process.srtt_us = static_cast<std::uint32_t>(sum / ++count);
    }
  }
  std::vector<Process> processes;
  for (const auto& [pid, process] : by_pid) processes.push_back(process);
  return processes;
}

Snapshot make_snapshot(Capture capture, const std::string& door, std::uint64_t wall_ns,
                       const FlowMatcher& matcher) {
  Snapshot snapshot;
  snapshot.source = Source::kCapture;
  snapshot.mono_ns = wall_ns;
  snapshot.wall_ns = wall_ns;
  snapshot.lost.malformed = capture.malformed;
  snapshot.doors.push_back(
      {.observation = Observation::kSockets, .name = "capture/" + door, .refused = ""});
  for (const Flow& flow : capture.flows)
    if (matcher(flow)) snapshot.flows.push_back(flow);
  snapshot.processes = sum_up(snapshot.flows);
  return snapshot;
}

}  // namespace

Result<Snapshot> parse_capture(CaptureKind kind, std::string_view text, std::uint64_t wall_ns,
                               const Filter& filter) {
  auto matcher = FlowMatcher::compile(filter);
  if (!matcher) return tl::make_unexpected(std::move(matcher).error());
  const Tool& tool = tool_of(kind);
  Capture capture = tool.parse(text);
  if (capture.flows.empty())
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {},
              "find a socket in what should be " + std::string(tool.name) + "'s output")
            .with_detail(capture.malformed == 0
                             ? std::string("no line of it looks like one")
                             : std::to_string(capture.malformed) + " lines could not be understood")
            .with_hint("capture it with: " + std::string(tool.command)));
  return make_snapshot(std::move(capture), tool.name, wall_ns, *matcher);
}

Result<Snapshot> read_proc_capture(const std::string& directory, std::uint64_t wall_ns,
                                   const Filter& filter) {
  auto matcher = FlowMatcher::compile(filter);
  if (!matcher) return tl::make_unexpected(std::move(matcher).error());
  auto tables = SocketTables::open(directory);
  if (!tables) return tl::make_unexpected(std::move(tables).error());
  std::vector<PolledSocket> sockets;
  auto done = (*tables)->read([&sockets](PolledSocket& socket) { sockets.push_back(socket); });
  if (!done) return tl::make_unexpected(std::move(done).error());

  SocketOwners owners(directory);
  owners.begin(wall_ns);
  for (const PolledSocket& socket : sockets)
    if (socket.inode != 0) owners.find(socket.inode);
  owners.find_unknown(wall_ns, true);
  Capture capture;
  for (PolledSocket& socket : sockets) {
    const Owner* owner = socket.inode != 0 ? owners.find(socket.inode) : nullptr;
    if (owner != nullptr) socket.flow.owner = *owner;
    socket.flow.cookie = 0;  // it was a number made by the tables
    capture.flows.push_back(std::move(socket.flow));
  }
  capture.malformed = (*tables)->loss().malformed;
  return make_snapshot(std::move(capture), "proc", wall_ns, *matcher);
}

}  // namespace sockscope
