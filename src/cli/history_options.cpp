// SPDX-License-Identifier: Apache-2.0
#include "cli/history_options.h"

#include <utility>

#include "cli/option_groups.h"
#include "cli/report.h"
#include "cli/session.h"
#include "model/match.h"
#include "store/folder.h"

namespace sockscope {

void add_history_folder(CLI::App& app, std::string& folder, const std::string& type,
                        const std::string& help) {
  add_text(app, "--dir", folder, type, help + "; by default " + store::default_folder());
}

std::string folder_of(const std::string& given) {
  return given.empty() ? store::default_folder() : given;
}

store::Range range_of(const TimeRange& range) {
  return {static_cast<std::uint64_t>(range.from_ns), static_cast<std::uint64_t>(range.to_ns)};
}

tl::expected<IsWanted, int> selection_of(const Arguments& arguments) {
  auto filter = compile_filter(arguments);
  if (!filter) return tl::make_unexpected(int{kExitUsage});
  auto matcher = FlowMatcher::compile(arguments.options.filter);
  if (!matcher) return tl::make_unexpected(report(matcher.error()));
  return [filter = std::move(*filter), matcher = std::move(*matcher)](const Flow& flow) {
    return matcher(flow) && filter.matches(flow);
  };
}

bool report_unreadable(std::span<const std::string> reasons) {
  for (const std::string& reason : reasons)
    report(reason, "what it holds is missing above", "see 'sockscope history verify'");
  return reasons.empty();
}

}  // namespace sockscope
