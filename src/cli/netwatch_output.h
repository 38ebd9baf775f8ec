// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/arguments.h"
#include "snapshot/netwatch_json.h"

namespace sockscope {

// The snapshot as a line, cut to --top; with `host` in an envelope.
std::string netwatch_line(netwatch::Snapshot snapshot, const Arguments& arguments,
                          const netwatch::HostInfo* host, const Loss& lost, bool all_observed);

}  // namespace sockscope
