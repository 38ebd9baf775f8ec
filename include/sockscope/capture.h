// SPDX-License-Identifier: Apache-2.0
// What another tool said about sockets, perhaps on another machine, as a snapshot.
#pragma once

#include <sockscope/error.h>
#include <sockscope/monitor.h>
#include <sockscope/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sockscope {

enum class CaptureKind : std::uint8_t {
  kSs,      // ss -tunapi
  kLsof,    // lsof -i -n -P -F pcPtTn
  kNettop,  // nettop -x -n -m tcp -l 1
  kProc,    // a directory: read_proc_capture()
};

// Rates and what the tool does not print are empty; lines that could not be understood are counted
// in lost.malformed; the one door names the tool. wall_ns: when it was taken.
// Errors: kInvalidArgument when there is no socket in it, or the filter is none.
Result<Snapshot> parse_capture(CaptureKind kind, std::string_view text, std::uint64_t wall_ns,
                               const Filter& filter = {});

// A copy of /proc, or another host's mounted somewhere: net/tcp, tcp6, udp, udp6 and, for the
// owners, the links in PID/fd. Errors: as above, and those of reading it.
Result<Snapshot> read_proc_capture(const std::string& directory, std::uint64_t wall_ns,
                                   const Filter& filter = {});

}  // namespace sockscope
