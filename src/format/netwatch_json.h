// SPDX-License-Identifier: Apache-2.0
// NetWatch's payload as JSON. When writing, optional values that are absent are left out. When
// reading, null means absent, unknown fields are ignored, and a missing field or one of the wrong
// type is an error that names it. Reading what was written gives the same values.
#pragma once

#include <sockscope/error.h>

#include <string>
#include <string_view>

#include "format/netwatch.h"

namespace sockscope::netwatch {

// One line, without a newline.
std::string to_json(const Snapshot& snapshot);
std::string to_json(const IngestRequest& request);

// Errors: kInvalidArgument, whose detail says what is wrong and where: "interfaces[0].rx_bytes: …".
Result<Snapshot> read_snapshot(std::string_view json);
Result<IngestRequest> read_ingest_request(std::string_view json);

}  // namespace sockscope::netwatch
