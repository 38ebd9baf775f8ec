// SPDX-License-Identifier: Apache-2.0
// What the commands that ask a history share.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/time_spec.h"
#include "cli/arguments.h"
#include "store/question.h"

namespace sockscope {

// --dir. folder_of() says which one it is where none was given.
void add_history_folder(CLI::App& app, std::string& folder, const std::string& type,
                        const std::string& help);
std::string folder_of(const std::string& given);

// In Unix time.
store::Range range_of(const TimeRange& range);

// Whether a flow is selected by --filter and the options that select processes. Reports what is
// wrong with them; the error is the exit code.
using IsWanted = std::function<bool(const Flow&)>;
tl::expected<IsWanted, int> selection_of(const Arguments& arguments);

// Reports the files that could not be read. False: there are some.
bool report_unreadable(std::span<const std::string> reasons);

}  // namespace sockscope
