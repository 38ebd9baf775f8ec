// SPDX-License-Identifier: Apache-2.0
// What became of each observation, derived from the list of all doors that were tried.
#pragma once

#include <sockscope/types.h>

#include <span>
#include <vector>

namespace sockscope {

struct Diagnosis {
  Observation observation;
  const Door* in_use = nullptr;  // null: not observed
  std::vector<const Door*> refused;
};

// In the order of `doors`, which must outlive the result.
std::vector<Diagnosis> diagnose(std::span<const Door> doors);

// True when everything is observed, as it happens.
bool is_complete(std::span<const Diagnosis> diagnoses, Source source);

// Whether the observation has a door that is in use.
bool is_observed(std::span<const Door> doors, Observation observation);

// For each observation without a door in use, the door that was refused last.
std::vector<Door> unobserved(std::span<const Door> doors);

}  // namespace sockscope
