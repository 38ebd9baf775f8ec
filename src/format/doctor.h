// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/diagnosis.h"

namespace sockscope {

inline constexpr std::string_view kDoctorSchema = "sockscope.doctor.v1";

// One document, indented, with a newline at its end.
std::string doctor_json(const std::vector<Diagnosis>& diagnoses, Source source,
                        std::string_view kernel, std::string_view machine, bool is_confined);

}  // namespace sockscope
