// SPDX-License-Identifier: Apache-2.0
// What became of each observation: made of the list of all doors that were tried.
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

// In the order of the doors, which must outlive it.
std::vector<Diagnosis> diagnose(std::span<const Door> doors);

// Everything is observed, as it happens.
bool is_complete(std::span<const Diagnosis> diagnoses, Source source);

// Whether there is a door to it that opened.
bool is_observed(std::span<const Door> doors, Observation observation);

// Of each observation without a door that opened, the door that was refused last.
std::vector<Door> unobserved(std::span<const Door> doors);

}  // namespace sockscope
