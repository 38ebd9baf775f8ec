// SPDX-License-Identifier: Apache-2.0
// The output of another tool about sockets, perhaps from another machine, read as a snapshot.
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

// Rates, and everything else the tool does not print, are empty. Lines that could not be understood
// are counted in lost.malformed; the only door names the tool. wall_ns: when the capture was taken.
// Errors: kInvalidArgument when it contains no socket, or the filter is invalid.
Result<Snapshot> parse_capture(CaptureKind kind, std::string_view text, std::uint64_t wall_ns,
                               const Filter& filter = {});

// A copy of /proc, or another host's /proc mounted somewhere. Read are net/tcp, tcp6, udp, udp6
// and, for the owners, the links in PID/fd. Errors: as above, and those of reading.
Result<Snapshot> read_proc_capture(const std::string& directory, std::uint64_t wall_ns,
                                   const Filter& filter = {});

}  // namespace sockscope
