// SPDX-License-Identifier: Apache-2.0
// The kernel's process events connector (NETLINK_CONNECTOR, CN_IDX_PROC): fork, exec, exit and
// changes of identity of every process and thread of the host, as they happen.
//
// Works on its own, without the rest of the library: no thread, no loop, nothing is thrown. What
// the kernel could not deliver is counted and never passed over in silence.
#pragma once

#include <sockscope/error.h>
#include <sockscope/process.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace sockscope {

// What was not seen, by the way it came to light. One loss may show in several ways.
struct ProcConnectorLoss {
  std::uint64_t buffer_full = 0;  // times the kernel said that the receive buffer had been full
  std::uint64_t overruns = 0;     // NLMSG_OVERRUN messages
  // Events missing in the numbers each CPU counts up; exact, but behind: a gap shows when the next
  // event of the same CPU comes, and what was lost at the end not before.
  std::uint64_t missing = 0;
  std::uint64_t malformed = 0;  // datagrams cut short, messages that are none

  bool operator==(const ProcConnectorLoss&) const = default;
};

class ProcConnector {
 public:
  struct Options {
    // Bytes of the socket's receive buffer, 0: the system's default. Beyond net.core.rmem_max only
    // with CAP_NET_ADMIN; receive_buffer() says what it became.
    std::size_t receive_buffer = 0;
  };

  // Opens the socket and joins the group; nothing is sent yet. Errors: kNotPermitted (before Linux
  // 6.6 without CAP_NET_ADMIN), kKernelLacksFeature (no connector), kOtherNamespace, kIo.
  static Result<ProcConnector> open(const Options& options);
  static Result<ProcConnector> open() { return open(Options()); }

  ProcConnector(ProcConnector&&) noexcept;
  ProcConnector& operator=(ProcConnector&&) noexcept;
  ~ProcConnector();  // unsubscribes

  // Asks for events of these kinds and waits for the kernel's word that it will send them: what
  // happens after the return is seen. Kernels from 6.6 on leave out what is not wanted themselves
  // (filters_in_kernel()), for older ones, and for the moments until the kernel does, receive()
  // does. May be called again with another mask. Errors: kNotPermitted, kOtherNamespace, kIo.
  Result<void> subscribe(ProcessEventMask wanted = kAllProcessEvents);

  // The kernel stops sending to this socket; what is in its buffer can still be received. Errors:
  // kIo.
  Result<void> unsubscribe();

  bool is_subscribed() const noexcept;
  bool filters_in_kernel() const noexcept;

  // For poll, epoll or any event loop: readable when receive() has something to do.
  int fd() const noexcept;
  // What the kernel granted, its own overhead included.
  std::size_t receive_buffer() const noexcept;

  using Handler = std::function<void(const ProcessEvent&)>;

  // Receives one datagram, one event or several, into `buffer` (kBufferSize is enough for what
  // kernels send) and hands the events over. timeout: how long to wait when there is none;
  // negative: forever, 0: not at all. Returns how many events were handed over: 0 also when time
  // was up, a signal came, or the datagram told of loss only. Errors: kIo.
  Result<std::size_t> receive(std::span<std::byte> buffer, std::chrono::milliseconds timeout,
                              const Handler& handler);

  // The same until the socket's buffer is empty, without waiting, at most `datagrams`.
  Result<std::size_t> drain(std::span<std::byte> buffer, const Handler& handler,
                            std::size_t datagrams = static_cast<std::size_t>(-1));

  static constexpr std::size_t kBufferSize = 8192;

  // Since open(). `missing` is counted while all events are wanted: the numbers count those that a
  // filter leaves out too.
  const ProcConnectorLoss& loss() const noexcept;

 private:
  struct Impl;
  explicit ProcConnector(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
