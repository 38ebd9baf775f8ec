// SPDX-License-Identifier: Apache-2.0
// What the user asked for by name, and whether it can be observed.
#pragma once

#include <sockscope/monitor.h>

#include <vector>

namespace sockscope {

// `doors`, with a refused door added for each observation that `asked` asks for and `doors` lacks:
// polled sources cannot make some of them, and Options::doors may allow none.
std::vector<Door> complete_doors(std::vector<Door> doors, const Options& asked, Source in_use);

// Prints on stderr a line for each option that asks for something that is not observed.
void report_unobserved(const std::vector<Door>& doors, const Options& asked);

}  // namespace sockscope
