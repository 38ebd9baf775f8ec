// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <vector>

namespace sockscope {

// Keeps one row for each connection: of those with both ends among the rows, the end that opened
// it. Sockets without a remote end are left out.
void join_pairs(std::vector<Flow>& flows);

}  // namespace sockscope
