// SPDX-License-Identifier: Apache-2.0
// --only and --columns where JSON is printed.
#pragma once

#include <string>
#include <vector>

#include "format/json.h"
#include "view/columns.h"

namespace sockscope {

// The members of JSON rows that these columns show; "tcp_info.cwnd" for one within an object.
template <class Row>
std::vector<std::string> json_members(const ColumnList<Row>& columns);

template <class Row>
inline constexpr Excerpt::Rows kRowsOf{};
template <>
inline constexpr Excerpt::Rows kRowsOf<Flow> = Excerpt::Rows::kFlows;
template <>
inline constexpr Excerpt::Rows kRowsOf<Process> = Excerpt::Rows::kProcesses;

// The rows of this kind, with the members that these columns show; without columns, all members.
template <class Row>
Excerpt excerpt_of(const ColumnList<Row>& columns) {
  return {kRowsOf<Row>, json_members<Row>(columns)};
}

}  // namespace sockscope
