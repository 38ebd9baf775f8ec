// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/table_choice.h"
#include "snapshot/json.h"

namespace sockscope {

// In the format that was asked for, in the order of --sort, as many rows as --top.
void print_snapshot(Snapshot& snapshot, const HostId& host, const Arguments& arguments,
                    TableChoice<Flow>& choice, Output& output);

}  // namespace sockscope
