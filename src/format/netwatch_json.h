// SPDX-License-Identifier: Apache-2.0
// NetWatch's payload as JSON. What is optional and not there is left out when written; when read,
// null means the same, fields that are not known are passed over, and a field that is missing or of
// the wrong type is an error that names it. Reading what was written gives the same values.
#pragma once

#include <sockscope/error.h>

#include <string>
#include <string_view>

#include "format/netwatch.h"

namespace sockscope::netwatch {

// One line, without a newline.
std::string to_json(const Snapshot& snapshot);
std::string to_json(const IngestRequest& request);

// Errors: kInvalidArgument, with what is wrong and where as detail: "interfaces[0].rx_bytes: …".
Result<Snapshot> read_snapshot(std::string_view json);
Result<IngestRequest> read_ingest_request(std::string_view json);

}  // namespace sockscope::netwatch
