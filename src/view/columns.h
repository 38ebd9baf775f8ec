// SPDX-License-Identifier: Apache-2.0
// The columns of rows (Flow or Process) as data: what each shows of a row, its width, its help.
#pragma once

#include <sockscope/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "base/text.h"
#include "view/column_id.h"

namespace sockscope {

struct CellOptions {
  Units units = Units::kBits;                           // of rates
  bool wide = false;                                    // full names of states
  bool raw = false;                                     // for programs: words as in JSON
  bool spreadsheet = false;                             // CSV: no text can become a formula
  std::uint64_t now_ns = 0;                             // CLOCK_MONOTONIC, for ages; 0: no ages
  std::function<std::string(std::uint32_t)> user_name;  // empty, or returns "": the number is shown
  std::function<std::string(std::uint32_t)> netns_name;  // the same
};

// monostate: not known. Texts may be hostile.
using CellValue = std::variant<std::monostate, std::uint64_t, double, std::string, Endpoint>;

// A column for rows of one kind.
template <class Row>
struct Column {
  ColumnId id;
  std::size_t width;  // at least; a longer heading or content makes it wider
  std::string_view help;
  CellValue (*value)(const Row&, const CellOptions&);
  bool (*alarming)(const Row&) = nullptr;  // true: deserves a look, "!" is appended
  std::string_view unknown = "—";          // shown to people when there is no value

  const ColumnInfo& info() const noexcept { return info_of(id); }
};

template <class Row>
using ColumnList = std::vector<const Column<Row>*>;

// Whether one of the columns "a,b,c" needs it.
bool is_needed(Needs what, std::string_view columns);

// All columns, in the order of the help.
template <class Row>
std::span<const Column<Row>> all_columns();

// nullptr: such rows have no column of that name or id.
template <class Row>
const Column<Row>* find_column(std::string_view name);
template <class Row>
const Column<Row>* find_column(ColumnId id);

// Like find_column(); the error suggests the nearest column and lists all.
template <class Row>
tl::expected<const Column<Row>*, std::string> parse_column(std::string_view name);

// Parses "pid,comm,rx_rate".
template <class Row>
tl::expected<ColumnList<Row>, std::string> parse_columns(std::string_view list);

// One line per column: name and help.
template <class Row>
std::string column_help();

// The columns with these ids; rows of this kind must have them.
template <class Row>
ColumnList<Row> columns_of(std::span<const ColumnId> ids);

inline constexpr auto kSnapshotFlowColumns = [] {
  using enum ColumnId;
  return std::to_array(
      {kProto, kState, kLocal, kRemote, kPid, kComm, kRxBytes, kTxBytes, kRtt, kRetransmits, kAge});
}();
// One row for both ends of a connection.
inline constexpr auto kPairColumns = [] {
  using enum ColumnId;
  return std::to_array({kProto, kState, kPid, kComm, kLocal, kRemote, kOtherPid, kOtherComm,
                        kOtherLocal, kRxBytes, kTxBytes, kRtt, kRetransmits});
}();
inline constexpr auto kTopPairColumns = [] {
  using enum ColumnId;
  return std::to_array({kProto, kState, kPid, kComm, kLocal, kRemote, kOtherPid, kOtherComm,
                        kRxRate, kTxRate, kRtt, kRetransmits, kAge});
}();
inline constexpr auto kTopFlowColumns = [] {
  using enum ColumnId;
  return std::to_array(
      {kComm, kPid, kProto, kLport, kRemote, kState, kRxRate, kTxRate, kRtt, kRetransmits});
}();
inline constexpr auto kTopProcessColumns = [] {
  using enum ColumnId;
  return std::to_array({kPid, kComm, kConns, kRxRate, kTxRate, kMeanRtt, kRetransmitRate});
}();

// For people: cleaned, "—" when not known, never longer than `width` cells if the kind can be
// shortened.
inline constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);
template <class Row>
std::string cell_text(const Column<Row>& column, const Row& row, const CellOptions& options,
                      std::size_t width = kNoLimit);

// For programs: bytes and bytes per second, microseconds, user numbers, full names of states;
// cleaned, empty when not known.
template <class Row>
std::string raw_text(const Column<Row>& column, const Row& row, const CellOptions& options);

// A value without its row, so without the mark "!".
std::string value_text(ValueKind kind, const CellValue& value, const CellOptions& options);

// For ordering rows. Unknown values are monostate and come last in either direction.
using SortKey = std::variant<std::monostate, double, std::string>;
// Numbers from large to small, texts from a to z; with `reversed` the opposite. Equal ones: false.
bool comes_before(const SortKey& a, const SortKey& b, bool reversed);
SortKey value_key(ValueKind kind, const CellValue& value, const CellOptions& options);
template <class Row>
SortKey sort_key(const Column<Row>& column, const Row& row, const CellOptions& options);

}  // namespace sockscope
