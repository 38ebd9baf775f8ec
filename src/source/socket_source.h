// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>
#include <sockscope/types.h>

#include <functional>
#include <vector>

#include "model/polled_socket.h"

namespace sockscope {

// A table of the kernel that is read whole, again and again. It shows the sockets of the calling
// process's network namespace and knows nothing of what came and went in between.
class SocketSource {
 public:
  using Handle = std::function<void(PolledSocket&)>;

  SocketSource() = default;
  SocketSource(const SocketSource&) = delete;
  SocketSource& operator=(const SocketSource&) = delete;
  virtual ~SocketSource() = default;

  // Hands over every socket. One may come twice, and one that lives may be passed over while others
  // come and go. A number in flow.cookie is a socket's own as long as this source lives. Errors:
  // kIo.
  virtual Result<void> read(const Handle& handle) = 0;

  // Sockets that are gone, with their final figures, where the kernel tells of them.
  virtual bool announces_closes() const noexcept { return false; }
  virtual int closes_fd() const noexcept { return -1; }
  virtual void read_closes(const Handle&) {}

  // What this source observes and what it cannot.
  virtual const std::vector<Door>& doors() const noexcept = 0;

  // Counted since it was opened.
  virtual const Loss& loss() const noexcept = 0;
};

}  // namespace sockscope
