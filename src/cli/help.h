// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sockscope {

// What stands before and after the list of options in a command's help.
std::string_view examples_of(std::string_view command);
std::string_view notes_of(std::string_view command);

// `sockscope help`, and topics that are no command: "filter", "columns". Empty: no such topic.
std::string overview();
std::string topic(std::string_view name);

std::string version_text();

}  // namespace sockscope
