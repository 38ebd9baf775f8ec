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

  // One per node: what it and all below it move together. The first ones are the processes given,
  // in their order; then come ancestors without sockets, or places.
  std::vector<Sum> sums;
  std::vector<std::size_t> parents;  // of each node; kNone: it is a root
};

// `processes`: of the history, with their smoothed rates; grouped as the settings say. A chain of
// parents that bites its own tail, as reused numbers can make one, is cut.
ProcessTree grow_tree(const Model& model, const State& state,
                      std::span<const std::uint32_t> processes, std::span<const Smoothed> smoothed);

}  // namespace sockscope::tui
