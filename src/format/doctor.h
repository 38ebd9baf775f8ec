// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace sockscope {

inline constexpr std::string_view kDoctorSchema = "sockscope.doctor.v1";

// What became of one observation: the door in use, and those before it that were refused.
struct Diagnosis {
  Observation observation;
  const Door* in_use = nullptr;  // null: not observed
  std::vector<const Door*> refused;
};

// In the order of the doors, which must outlive it.
std::vector<Diagnosis> diagnose(const std::vector<Door>& doors);

// Everything is observed, as it happens.
bool is_complete(const std::vector<Diagnosis>& diagnoses, Source source);

// One document, indented, with a newline at its end.
std::string doctor_json(const std::vector<Diagnosis>& diagnoses, Source source,
                        std::string_view kernel, std::string_view machine, bool is_confined);

}  // namespace sockscope
