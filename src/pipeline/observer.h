// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/monitor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "model/match.h"
#include "model/udp_peer.h"
#include "pipeline/waker.h"

namespace sockscope {

class Tracker;

// A way to observe. It delivers what it sees to the Tracker, which keeps all that is known and
// decides when to ask for what. Errors of all calls: kIo.
class Observer {
 public:
  struct Traits {
    // Events are what differs between two passes, so passes are made all the time.
    bool polls = false;
    // Once a whole pass has shown a socket, events tell all changes of its owner and its ends.
    bool follows_owners = false;
    bool has_udp_peers = false;
    // Events of processes are followed, so that owners are described as they were at each event.
    bool follows_processes = false;
    ProcessEventMask process_events = 0;  // of these, what deliver() brings
    // A connection may be told with a time of opening that is so much too late.
    std::uint64_t opened_late_ns = 0;
  };

  virtual ~Observer() = default;

  virtual Traits traits() const = 0;
  virtual std::vector<Door> doors() const = 0;
  // Before anything is delivered; may add doors.
  virtual Result<void> start(Tracker&) { return {}; }

  // Events that came since the call before: Tracker::take() and its like.
  virtual Result<void> deliver(Tracker& to) = 0;

  // Who has which sockets open: what changed since a call before comes with the next deliver().
  // earlier_ns: when that call began; 0: there was none.
  virtual Result<void> read_owners(std::uint64_t /*earlier_ns*/) { return {}; }

  // A pass: begin, read, often with a second read, end; deliver() is called in between.
  virtual void begin_pass(std::uint64_t /*now_ns*/) {}
  // Every socket there is, to Tracker::show(). only_figures: of those that events announced
  // Tracker::show_figures() is enough.
  virtual Result<void> read_sockets(Tracker& to, bool only_figures) = 0;
  // After a read that only showed figures: whether it cannot show this flow though it is there.
  virtual bool may_hide(const Flow&) const { return false; }
  // Was open and not shown.
  virtual void gone(const Flow&) {}
  // at_once: for somebody who wants to see all that can be known now.
  virtual Result<void> end_pass(Tracker& /*to*/, bool /*at_once*/) { return {}; }

  // All processes there are. False: it cannot tell.
  using HandleProcess = std::function<void(const ProcessInfo&)>;
  virtual Result<bool> read_processes(const HandleProcess&) { return false; }
  // The remote ends of UDP sockets, those of a closed socket once. Returns how many those of open
  // sockets would be if none had been forgotten for want of room.
  using HandlePeer = std::function<void(UdpPeer&)>;
  virtual Result<std::uint64_t> read_udp_peers(const HandlePeer&) { return 0; }
  // Adds to a snapshot what only this way can tell.
  virtual Result<void> complete(Snapshot&) { return {}; }

  // Since the start. exactly: what is costly to ask for too.
  virtual Loss loss(bool exactly) = 0;

  // To wait for; -1: there is none.
  virtual int fd() const noexcept { return -1; }
  // Nothing is asked for until fd() is readable: true. False: it will not be, look again after a
  // while. busy: events keep coming.
  virtual bool rest(Waker&, bool busy) = 0;
};

using ObserverResult = Result<std::unique_ptr<Observer>>;
ObserverResult open_ebpf_observer(const Options& options, const FlowMatcher& matcher);
// source: kSockDiag or kProcfs.
ObserverResult open_polled_observer(Source source, const Options& options);

}  // namespace sockscope
