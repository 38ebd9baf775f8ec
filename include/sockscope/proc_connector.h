// SPDX-License-Identifier: Apache-2.0
// The kernel's process events connector (NETLINK_CONNECTOR, CN_IDX_PROC): fork, exec, exit and
// changes of identity of every process and thread of the host, as they happen.
//
// Works without the rest of the library, has no thread or event loop, and throws nothing. What the
// kernel could not deliver is always counted.
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

// What was not seen, by the way it was noticed. One loss may be counted in several ways.
struct ProcConnectorLoss {
  std::uint64_t buffer_full = 0;  // times the kernel reported that the receive buffer had been full
  std::uint64_t overruns = 0;     // NLMSG_OVERRUN messages
  // Events missing from the numbers that each CPU counts up. Exact, but late: a gap shows only when
  // the next event of the same CPU comes.
  std::uint64_t missing = 0;
  std::uint64_t malformed = 0;  // truncated datagrams, and messages of another kind

  bool operator==(const ProcConnectorLoss&) const = default;
};

class ProcConnector {
 public:
  struct Options {
    // Size of the socket's receive buffer in bytes; 0: the system's default. A size above
    // net.core.rmem_max needs CAP_NET_ADMIN. receive_buffer() says what was granted.
    std::size_t receive_buffer = 0;
  };

  // Opens the socket and joins the group; the kernel sends nothing yet. Errors: kNotPermitted
  // (before Linux 6.6 without CAP_NET_ADMIN), kKernelLacksFeature (no connector), kOtherNamespace,
  // kIo.
  static Result<ProcConnector> open(const Options& options);
  static Result<ProcConnector> open() { return open(Options()); }

  ProcConnector(ProcConnector&&) noexcept;
  ProcConnector& operator=(ProcConnector&&) noexcept;
  ~ProcConnector();  // unsubscribes

  // Asks for events of these kinds and waits until the kernel confirms: everything that happens
  // after the return is seen. Since Linux 6.6 the kernel leaves out unwanted kinds
  // (filters_in_kernel()); before that, and until the kernel has started to, receive() does. May be
  // called again with another mask. Errors: kNotPermitted, kOtherNamespace, kIo.
  Result<void> subscribe(ProcessEventMask wanted = kAllProcessEvents);

  // Makes the kernel stop sending to this socket; what is in its buffer can still be received.
  // Errors: kIo.
  Result<void> unsubscribe();

  bool is_subscribed() const noexcept;
  bool filters_in_kernel() const noexcept;

  // For poll, epoll or any event loop: readable when receive() has something to do.
  int fd() const noexcept;
  // What the kernel granted, including its own overhead.
  std::size_t receive_buffer() const noexcept;

  using Handler = std::function<void(const ProcessEvent&)>;

  // Receives one datagram, with one event or several, into `buffer` (kBufferSize is enough for what
  // kernels send) and hands the events over. timeout: how long to wait for a datagram; negative:
  // forever, 0: not at all. Returns the number of events handed over; it is 0 also on timeout, on a
  // signal, or when the datagram only reported loss. Errors: kIo.
  Result<std::size_t> receive(std::span<std::byte> buffer, std::chrono::milliseconds timeout,
                              const Handler& handler);

  // Like receive(), without waiting, until the socket's buffer is empty, or `datagrams` were read.
  Result<std::size_t> drain(std::span<std::byte> buffer, const Handler& handler,
                            std::size_t datagrams = static_cast<std::size_t>(-1));

  static constexpr std::size_t kBufferSize = 8192;

  // Since open(). `missing` is only counted while all kinds of events are wanted, because the
  // kernel's numbers also count events that a filter leaves out.
  const ProcConnectorLoss& loss() const noexcept;

 private:
  struct Impl;
  explicit ProcConnector(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
