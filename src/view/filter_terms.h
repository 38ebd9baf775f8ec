// SPDX-License-Identifier: Apache-2.0
// The keys of the filter language and what they match. The grammar is in filter.h.
#pragma once

#include <sockscope/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "view/column_id.h"
#include "view/filter.h"

namespace sockscope {

enum class FilterOp { kColon, kEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

struct FilterValue {
  std::string text;
  bool regex = false;
  FilterOp op = FilterOp::kColon;
  FlowFilter::UserLookup lookup_user = nullptr;
};

// The error says why the value cannot be used, without naming the term.
using FilterTest = tl::expected<std::function<bool(const Flow&)>, std::string>;

// Searches for the value in the process's name, both ends and the remote end's name.
FilterTest anywhere_test(const FilterValue& value);

bool is_filter_key(std::string_view key);
Needs needs_of_key(std::string_view key);

// `key` must be a filter key.
FilterTest key_test(std::string_view key, const FilterValue& value);

// "unknown key 'prot': did you mean 'proto'?"
std::string unknown_key(std::string_view key);

}  // namespace sockscope
