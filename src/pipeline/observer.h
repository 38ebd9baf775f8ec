// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/monitor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "model/match.h"
#include "model/polled_socket.h"
#include "model/udp_peer.h"
#include "pipeline/waker.h"

namespace sockscope {

class Tracker;

// A way to observe. It delivers what it sees to the Tracker, which keeps everything that is known
// and decides when to ask for what. Every call may fail with kIo.
class Observer {
 public:
  struct Traits {
    // Events are the differences between two passes, so passes are made all the time.
    bool polls = false;
    // After a whole pass has shown a socket, events report every change of its owner and its ends.
    bool follows_owners = false;
    bool has_udp_peers = false;
    // It delivers events of processes, so that owners can be described as they were at each event.
    bool follows_processes = false;
    ProcessEventMask process_events = 0;  // which of them deliver() brings
    bool reads_foreign_listeners = false;
    // By how much the reported opening time of a connection may be too late.
    std::uint64_t opened_late_ns = 0;
  };

  virtual ~Observer() = default;

  virtual Traits traits() const = 0;
  virtual std::vector<Door> doors() const = 0;
  // Called once before anything is delivered; may add doors.
  virtual Result<void> start(Tracker&) { return {}; }

  // Delivers the events since the previous call, with Tracker::take() and similar functions.
  virtual Result<void> deliver(Tracker& to) = 0;

  // Looks which processes have which sockets open; what changed since the previous call comes with
  // the next deliver(). earlier_ns: when that previous call began; 0: there was none.
  virtual Result<void> read_owners(std::uint64_t /*earlier_ns*/) { return {}; }

  // A pass: begin, read, often a second read, end. deliver() is called in between.
  virtual void begin_pass(std::uint64_t /*now_ns*/) {}
  // Gives every existing socket to Tracker::show(). only_figures: for sockets that events
  // announced, Tracker::show_figures() is enough.
  virtual Result<void> read_sockets(Tracker& to, bool only_figures) = 0;
  // After a read with only_figures: whether the read cannot show this flow although it exists.
  virtual bool may_hide(const Flow&) const { return false; }
  // The flow was open, and the pass did not show it.
  virtual void gone(const Flow&) {}
  // at_once: somebody wants to see all that can be known now.
  virtual Result<void> end_pass(Tracker& /*to*/, bool /*at_once*/) { return {}; }

  // Hands over the listening TCP sockets of other network namespaces, with PolledSocket::drops.
  using HandleListener = std::function<void(PolledSocket&)>;
  virtual Result<void> read_foreign_listeners(const HandleListener&) { return {}; }

  // Hands over all existing processes. False: it cannot.
  using HandleProcess = std::function<void(const ProcessInfo&)>;
  virtual Result<bool> read_processes(const HandleProcess&) { return false; }
  // Hands over the remote ends of UDP sockets; those of a closed socket once. Returns how many
  // remote ends of open sockets there would be if none had been forgotten for want of room.
  using HandlePeer = std::function<void(UdpPeer&)>;
  virtual Result<std::uint64_t> read_udp_peers(const HandlePeer&) { return 0; }
  // Adds to a snapshot what only this observer knows.
  virtual Result<void> complete(Snapshot&) { return {}; }

  // Losses since the start. exactly: including those that are costly to ask for.
  virtual Loss loss(bool exactly) = 0;

  // A file to wait for; -1: there is none.
  virtual int fd() const noexcept { return -1; }
  // Prepares for waiting. True: fd() will be readable when there is something to do. False: it will
  // not, so look again after a while. busy: events keep coming.
  virtual bool rest(Waker&, bool busy) = 0;
};

using ObserverResult = Result<std::unique_ptr<Observer>>;
ObserverResult open_ebpf_observer(const Options& options, const FlowMatcher& matcher);
// source: kSockDiag or kProcfs.
ObserverResult open_polled_observer(Source source, const Options& options);

}  // namespace sockscope
