// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/fd.h"
#include "source/socket_source.h"

namespace sockscope {

// NETLINK_SOCK_DIAG: the kernel's socket tables with tcp_info, and messages about sockets that were
// closed.
class SockDiag : public SocketSource {
 public:
  // with_closes: also receive the messages about closed sockets; if the kernel refuses those,
  // doors() says so. Errors: kNotPermitted, kKernelLacksFeature, kIo.
  static Result<std::unique_ptr<SockDiag>> open(bool with_closes);

  // Opens it to read only listening sockets, of the present network namespace. Errors: those of
  // open().
  static Result<std::unique_ptr<SockDiag>> open_listeners();
  // Reads listening TCP sockets, with PolledSocket::drops. The kernel looks at no other sockets for
  // this.
  Result<void> read_listeners(const Handle& handle);

  // For tests, in which the other end of these sockets answers like the kernel. Either may be
  // empty.
  SockDiag(Fd tables, Fd closes) : tables_(std::move(tables)), closes_(std::move(closes)) {}

  Result<void> read(const Handle& handle) override;
  bool announces_closes() const noexcept override { return static_cast<bool>(closes_); }
  int closes_fd() const noexcept override { return closes_.get(); }
  void read_closes(const Handle& handle) override;
  const std::vector<Door>& doors() const noexcept override { return doors_; }
  const Loss& loss() const noexcept override { return lost_; }

 private:
  enum class Ended { kDone, kInterrupted };
  struct Question {
    int family;
    Protocol protocol;
    std::uint32_t states;    // a bit each
    std::uint8_t extension;  // INET_DIAG_…
  };
  Result<Ended> dump_once(const Question& question, const Handle& handle);
  Result<void> dump(const Question& question, const Handle& handle);

  Fd tables_;
  Fd closes_;
  std::vector<Door> doors_;
  Loss lost_;
  std::uint32_t sequence_ = 0;
  bool udp_refused_ = false;
};

}  // namespace sockscope
