// SPDX-License-Identifier: Apache-2.0
// Files that the user names for output.
#pragma once

#include <sockscope/error.h>

#include <string>

#include "base/fd.h"

namespace sockscope {

// Opens a file for writing that nobody else may read (mode 0600 if it is new); does not empty it
// yet. path "-", /dev/stdout and /dev/fd/N: a duplicate of that descriptor. Otherwise links are not
// followed, and an existing file must belong to this user (or the user who called sudo) and be
// writable by nobody else: whoever may put files into a folder must not choose what is overwritten
// or read. Errors: kIo, kInvalidArgument.
Result<Fd> open_output_file(const std::string& path);

}  // namespace sockscope
