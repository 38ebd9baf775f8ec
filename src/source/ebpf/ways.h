// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/observation.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "source/ebpf/door_kind.h"
#include "wire/control.h"

// Needs the include above.
#include "source/ebpf/sockscope.skel.h"

namespace sockscope {

// When an observation is wanted.
enum class Need : std::uint8_t {
  kAlways,
  kTcpInHash,
  kAllInHash,
  kConnections,
  kExactOwners,
  kQuality,
  kProcesses,
  kProcessTable,
  kHolders,
  kDns,
  kTranslatedDns,
  kRefusals,
  kUdpPeers,
};

// Where the sockets' states are kept (bpf/lib/state.h); for a way: where they must be.
enum class StateIn : std::uint8_t { kAny, kStorage, kByProtocol, kHash };

using ProgramSet = decltype(sockscope_bpf::progs);

struct ProgramRef {
  bpf_program* ProgramSet::*program = nullptr;
  bool where_function_exists = false;  // left out where the kernel lacks the function
  bool for_data = false;               // only when each send and receive is an event
  bool is_copy = false;                // handles what the program before it was not run for
  int least_parameters = 0;            // that its tracepoint must have
};

struct Way {
  DoorKind kind;
  std::vector<ProgramRef> programs;
  StateIn state = StateIn::kAny;
  std::string_view limits = {};  // what it cannot see exactly; empty: nothing
  bool sees_no_calls = false;    // not usable where each send and receive is an event
  bool beside_packets = false;   // best only where packets are looked at in any case
};

// An observation with the ways to it, best first.
struct Plan {
  Observation observation;
  Need need;
  bool essential;  // without it there is nothing to show
  std::vector<Way> ways;
};

// All plans of eBPF, one for each observation.
const std::vector<Plan>& plans();

}  // namespace sockscope
