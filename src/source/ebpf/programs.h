// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sockscope/error.h>
#include <sockscope/types.h>

#include "base/mmap.h"
#include "wire/control.h"

namespace sockscope {

// The kernel programs: loaded, attached, with their maps. Nothing but held file descriptors is
// needed after load(), so capabilities can be dropped then.
class Programs {
 public:
  struct Wanted {
    bool connections = true;
    bool quality = true;
    bool processes = false;      // their events
    bool process_table = false;  // Pass::kProcesses
    bool holders = false;        // Pass::kHolders
    bool dns = false;
    bool refusals = false;
    std::uint32_t udp_peers = 0;  // how many remote ends to remember; 0: none
    std::size_t ring_bytes = 0;  // a power of two, at least a page
    std::string doors;           // kinds of doors to try, comma-separated; empty: all
    wire_config config{};
  };

  // Each observation has doors, best first; one that the kernel refuses is remembered with its
  // reason and the next is tried. Only the loss of an essential observation is an error.
  static Result<Programs> load(const Wanted& wanted);

  Programs(Programs&&) noexcept;
  Programs& operator=(Programs&&) noexcept;
  ~Programs();

  // The sockets' own tables.
  enum class Pass {
    kTcp,      // of config.home_netns, with TIME_WAIT and half-open ones
    kUdp,      // of config.home_netns
    kForeign,  // both, of all other network namespaces
    kOwners,   // no records: gives an owner to sockets that have none, from the processes' files
    kProcesses,
    kUdpPeers,  // wire_udp_peer of each; those of closed sockets are told once
    kHolders,  // every open file of a process that is a socket
  };

  // Reads one pass; handle gets whole records, many at a time, valid during the call. A pass whose
  // door was refused is empty.
  Result<void> read(Pass pass, const std::function<void(std::span<const std::byte>)>& handle) const;

  int ring_fd() const noexcept;
  std::size_t ring_bytes() const noexcept;
  wire_control& control() const noexcept;
  // Times the kernel did not run a program because another was at work (MissedRuns), since they were
  // loaded. Those that a copy made good are not among them. A system call or two for each program.
  std::uint64_t missed_runs() const noexcept;
  const std::vector<Door>& doors() const noexcept;
  bool is_made(std::string_view observation) const noexcept;

 private:
  struct Impl;
  explicit Programs(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
