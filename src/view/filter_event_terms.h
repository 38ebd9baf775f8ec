// SPDX-License-Identifier: Apache-2.0
// The keys of the filter language that test events instead of connections.
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
  std::set<EventKind> kinds;  // the kinds of events that can pass the test
};

std::span<const std::string_view> event_filter_keys();
bool is_event_filter_key(std::string_view key);

// `key` must be one of these keys. The error says why the value cannot be used, without the key.
tl::expected<EventTest, std::string> event_key_test(std::string_view key, const FilterValue& value);

}  // namespace sockscope
