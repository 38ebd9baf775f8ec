// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>
#include <sockscope/types.h>

#include <string_view>

#include "format/json.h"

namespace sockscope {

struct SnapshotDocument {
  Snapshot snapshot;  // mono_ns equals wall_ns; all other times count from there
  HostId host;
};

// Reads what write_snapshot_json() wrote; writing it again gives the same text. Unknown fields are
// ignored. A missing field, one of the wrong type, and another schema are errors that name it.
// Errors: kInvalidArgument, whose detail says what is wrong and where.
Result<SnapshotDocument> read_snapshot_json(std::string_view json);

}  // namespace sockscope
