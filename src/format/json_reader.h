// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>
#include <sockscope/types.h>

#include <string_view>

#include "format/json.h"

namespace sockscope {

struct SnapshotDocument {
  Snapshot snapshot;  // mono_ns is wall_ns: other times count from there
  HostId host;
};

// Reads what write_snapshot_json() wrote; written again it is the same text. Fields that are not
// known are passed over; one that is missing or of the wrong type is an error that names it, as is
// another schema. Errors: kInvalidArgument, with what is wrong and where as detail.
Result<SnapshotDocument> read_snapshot_json(std::string_view json);

}  // namespace sockscope
