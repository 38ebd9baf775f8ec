// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>
#include <sockscope/types.h>

#include <optional>

#include "base/fd.h"

namespace sockscope {

// Asks the kernel about single TCP sockets (NETLINK_SOCK_DIAG); needs no privilege. Sees those of
// the network namespace it was first used in.
class TcpInternalsReader {
 public:
  // Nothing: there is no such socket here any more. Errors: kIo.
  Result<std::optional<TcpInternals>> read(const Flow& flow);

 private:
  Fd socket_;
};

}  // namespace sockscope
