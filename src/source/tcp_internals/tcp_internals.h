// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>
#include <sockscope/types.h>

#include <optional>

#include "base/fd.h"

namespace sockscope {

// Asks the kernel about single TCP sockets (NETLINK_SOCK_DIAG); needs no privilege. Sees the
// sockets of the network namespace in which it was first used.
class TcpInternalsReader {
 public:
  // Nothing: the socket no longer exists in that namespace. Errors: kIo.
  Result<std::optional<TcpInternals>> read(const Flow& flow);

 private:
  Fd socket_;
};

}  // namespace sockscope
