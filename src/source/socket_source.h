// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>
#include <sockscope/types.h>

#include <functional>
#include <vector>

#include "model/polled_socket.h"

namespace sockscope {

// A socket table of the kernel that is read as a whole, again and again. It shows the sockets of
// the calling process's network namespace, and nothing of what began and ended between two reads.
class SocketSource {
 public:
  using Handle = std::function<void(PolledSocket&)>;

  SocketSource() = default;
  SocketSource(const SocketSource&) = delete;
  SocketSource& operator=(const SocketSource&) = delete;
  virtual ~SocketSource() = default;

  // Hands over every socket. While others come and go, a socket may appear twice, and an existing
  // one may be missing. A nonzero flow.cookie identifies the socket as long as this source exists.
  // Errors: kIo.
  virtual Result<void> read(const Handle& handle) = 0;

  // Closed sockets with their final figures, where the kernel reports them.
  virtual bool announces_closes() const noexcept { return false; }
  virtual int closes_fd() const noexcept { return -1; }
  virtual void read_closes(const Handle&) {}

  // What this source observes, and what it cannot.
  virtual const std::vector<Door>& doors() const noexcept = 0;

  // Counted since the source was opened.
  virtual const Loss& loss() const noexcept = 0;
};

}  // namespace sockscope
