// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <string>

namespace sockscope {

// The UUID by which servers know this host. It is made once and kept in /var/lib/sockscope/host_id,
// or, for users other than root, in $XDG_STATE_HOME/sockscope/host_id. Errors: kIo;
// kInvalidArgument when the file contains something else.
Result<std::string> host_id();

}  // namespace sockscope
