// SPDX-License-Identifier: Apache-2.0
// What the user asked for by name, and whether it can be observed.
#pragma once

#include <sockscope/monitor.h>

#include <vector>

namespace sockscope {

// `doors`, and a refused one for each observation that `asked` asks for and they do not mention:
// polled sources have no way to some, Options::doors may leave none.
std::vector<Door> complete_doors(std::vector<Door> doors, const Options& asked, Source in_use);

// On stderr, a line for each option that asks for something that is not observed.
void report_unobserved(const std::vector<Door>& doors, const Options& asked);

}  // namespace sockscope
