// SPDX-License-Identifier: Apache-2.0
#include "model/diagnosis.h"

#include <algorithm>

namespace sockscope {

std::vector<Diagnosis> diagnose(std::span<const Door> doors) {
  std::vector<Diagnosis> diagnoses;
  for (const Door& door : doors) {
    auto found = std::find_if(diagnoses.begin(), diagnoses.end(), [&](const Diagnosis& known) {
      return known.observation == door.observation;
    });
    if (found == diagnoses.end())
      found = diagnoses.insert(diagnoses.end(), Diagnosis{door.observation, nullptr, {}});
    if (door.refused.empty())
      found->in_use = &door;
    else
      found->refused.push_back(&door);
  }
  return diagnoses;
}

bool is_complete(std::span<const Diagnosis> diagnoses, Source source) {
  return source == Source::kEbpf &&
         std::all_of(diagnoses.begin(), diagnoses.end(),
                     [](const Diagnosis& diagnosis) { return diagnosis.in_use != nullptr; });
}

bool is_observed(std::span<const Door> doors, Observation observation) {
  return std::any_of(doors.begin(), doors.end(), [&](const Door& door) {
    return door.observation == observation && door.refused.empty();
  });
}

std::vector<Door> unobserved(std::span<const Door> doors) {
  std::vector<Door> last;
  for (const Diagnosis& diagnosis : diagnose(doors))
    if (diagnosis.in_use == nullptr) last.push_back(*diagnosis.refused.back());
  return last;
}

}  // namespace sockscope
