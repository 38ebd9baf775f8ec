// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <string>

namespace sockscope {

// The UUID that this host has for servers: made once and kept in /var/lib/sockscope/host_id, or for
// users in $XDG_STATE_HOME/sockscope/host_id. Errors: kIo; kInvalidArgument when the file holds
// something else.
Result<std::string> host_id();

}  // namespace sockscope
