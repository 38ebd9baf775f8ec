// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>
#include <sockscope/observation.h>
#include <sockscope/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mmap.h"
#include "wire/control.h"

struct wire_udp_peer_key;
struct wire_udp_peer;

namespace sockscope {

// The kernel programs: loaded, attached, with their maps. After load() only the held file
// descriptors are needed, so capabilities can be dropped.
class Programs {
 public:
  struct Wanted {
    bool connections = true;
    bool exact_owners = false;  // note TCP's owners at each send and receive
    bool quality = true;
    bool processes = false;      // their events
    bool process_table = false;  // Observation::kProcessList
    bool holders = false;
    bool dns = false;
    bool translated_dns = false;  // with dns: also queries that netfilter redirects to other ports
    bool refusals = false;
    std::uint32_t udp_peers = 0;  // how many remote ends to remember; 0: none
    std::size_t ring_bytes = 0;   // a power of two, at least a page
    std::string doors;            // for DoorChoice::parse()
    wire_config config{};
  };

  // Tries the ways to each observation, best first; when the kernel refuses one, the reason is kept
  // and the next is tried. It is an error only when an essential observation has no way left.
  static Result<Programs> load(const Wanted& wanted);

  Programs(Programs&&) noexcept;
  Programs& operator=(Programs&&) noexcept;
  ~Programs();

  // Reads what an observation's iterators show; handle gets whole records, many at a time, valid
  // during the call. Empty where the observation is not made.
  //   kTcpSockets      of config.home_netns, with TIME_WAIT and half-open ones
  //   kUdpSockets      of config.home_netns
  //   kForeignSockets  both, of all other network namespaces
  //   kOlderOwners     no records: gives an owner to sockets that have none, from the processes'
  //                    files; in later passes (control().file_pass) also another to those that need
  //                    one
  //   kProcessList kHolders         every open file of a process that is a socket
  Result<void> read(Observation pass,
                    const std::function<void(std::span<const std::byte>)>& handle) const;

  // Reads the remote ends of UDP sockets. Those of closed sockets are handed over once and then
  // forgotten; returns how many those were.
  using HandlePeer =
      std::function<void(const wire_udp_peer_key&, const wire_udp_peer&, bool is_closed)>;
  Result<std::size_t> read_udp_peers(const HandlePeer& handle);

  // True when the pass over kForeignSockets shows only sockets that a process has open.
  bool shows_only_held_foreign_sockets() const noexcept;

  int ring_fd() const noexcept;
  std::size_t ring_bytes() const noexcept;
  wire_control& control() const noexcept;
  // Times the kernel did not run a program because another one was running (MissedRuns), since they
  // were loaded. Those that a copy of the program made good do not count. Makes a system call or
  // two for each program.
  std::uint64_t missed_runs() const noexcept;
  const std::vector<Door>& doors() const noexcept;
  bool is_made(Observation observation) const noexcept;

 private:
  struct Impl;
  explicit Programs(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
