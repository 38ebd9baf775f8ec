// SPDX-License-Identifier: Apache-2.0
// Files that a user names for what sockscope writes.
#pragma once

#include <sockscope/error.h>

#include <string>

#include "base/fd.h"

namespace sockscope {

// The file for what nobody else may read (mode 0600 if it is new), open for writing and not yet
// emptied. path "-", /dev/stdout and /dev/fd/N: a duplicate of that descriptor. Otherwise no link
// is followed, and a file that is there must be this user's (or that of who called sudo) and
// writable by nobody else: whoever may put files into a folder does not choose what is overwritten
// or read. Errors: kIo, kInvalidArgument.
Result<Fd> open_output_file(const std::string& path);

}  // namespace sockscope
