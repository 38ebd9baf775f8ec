// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>
#include <sockscope/monitor.h>

#include <optional>

#include "model/pattern.h"

namespace sockscope {

// True when the filter asks for something that only Owner::process has.
inline bool needs_process(const Filter& filter) noexcept {
  return !filter.cgroup.empty() || !filter.container.empty() || !filter.unit.empty();
}

// True when the filter may select some connections of a process and not the others.
inline bool splits_processes(const Filter& filter) noexcept {
  return filter.netns || !filter.any_ports.empty() || !filter.local_ports.empty() ||
         !filter.remote_ports.empty() || filter.family != 0 || filter.protocol;
}

// A Filter prepared for matching.
class FlowMatcher {
 public:
  // Errors: kInvalidArgument when the regular expression is invalid.
  static Result<FlowMatcher> compile(const Filter& filter);

  bool operator()(const Flow& flow) const;
  bool matches_all() const noexcept { return matches_all_; }
  // True when the name filter is a plain name, which the kernel programs can compare.
  bool has_plain_name() const noexcept { return !filter_.comm.empty() && !name_; }

 private:
  explicit FlowMatcher(const Filter& filter) : filter_(filter) {}

  Filter filter_;
  std::optional<Pattern> name_;
  bool matches_all_ = false;
};

}  // namespace sockscope
