// SPDX-License-Identifier: Apache-2.0
// The keys of the filter language that ask for what happened, not for a connection.
#pragma once

#include <sockscope/event.h>

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "view/filter_terms.h"

namespace sockscope {

struct EventTest {
  std::function<bool(const Event&)> test;
  std::set<EventKind> kinds;  // those that can pass
};

std::span<const std::string_view> event_filter_keys();
bool is_event_filter_key(std::string_view key);

// The key must be one. The error says why the value cannot be used, without naming the term.
tl::expected<EventTest, std::string> event_key_test(std::string_view key, const FilterValue& value);

}  // namespace sockscope
