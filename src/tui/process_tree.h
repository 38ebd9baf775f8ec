// SPDX-License-Identifier: Apache-2.0
// Processes below their parents, or below the containers and units they run in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tui/model.h"
#include "tui/state.h"

namespace sockscope::tui {

struct ProcessTree {
  static constexpr std::size_t kNone = SIZE_MAX;

  // One per node: the sum of its figures and of all below it. First come the given processes, in
  // their order; then ancestors without sockets, or places.
  std::vector<Sum> sums;
  std::vector<std::size_t> parents;  // of each node; kNone: a root
};

// A process that is no longer in the sample, with its averages.
struct GoneProcess {
  const Process* process = nullptr;
  Lately lately;
};

// `processes`: of the history, with their averages; grouped as the settings say. A chain of parents
// that leads back to itself, which reused pids can cause, is cut. Processes that are gone count in
// the averages of the nodes that they were below.
ProcessTree grow_tree(const Model& model, const State& state,
                      std::span<const std::uint32_t> processes, std::span<const Lately> lately,
                      std::span<const GoneProcess> gone = {});

}  // namespace sockscope::tui
