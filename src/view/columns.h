// SPDX-License-Identifier: Apache-2.0
// The columns of every table, as data: one entry gives a column's name for --columns and --sort,
// its heading, its help and its values. Rows are Flow or Process.
#pragma once

#include <sockscope/types.h>

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

namespace sockscope {

struct CellOptions {
  Units units = Units::kBits;                           // of rates
  bool wide = false;                                    // full names of states
  std::uint64_t now_ns = 0;                             // CLOCK_MONOTONIC, for ages; 0: no ages
  std::function<std::string(std::uint32_t)> user_name;  // empty, or gives "": the number is shown
};

// What a column's value is; decides how it is printed and aligned.
enum class ValueKind : std::uint8_t {
  kText,
  kEndpoint,  // shortened in the middle of the address
  kId,        // a number that names something
  kUser,      // a user's number
  kCount,
  kBytes,
  kRate,       // bytes per second, printed in the units chosen
  kPerSecond,  // events per second
  kRtt,        // microseconds, printed as milliseconds
  kDuration,   // microseconds
};

// monostate: not known. Text may be hostile.
using CellValue = std::variant<std::monostate, std::uint64_t, double, std::string, Endpoint>;

template <class Row>
struct Column {
  std::string_view name;
  std::string_view header;
  std::size_t width;  // least; a longer heading or content makes it wider
  ValueKind kind;
  std::string_view help;
  CellValue (*value)(const Row&, const CellOptions&);
  bool (*alarming)(const Row&) = nullptr;  // the cell deserves a look: "!" is appended
  std::string_view unknown = "—";          // what people read when there is no value

  bool is_text() const noexcept {
    return kind == ValueKind::kText || kind == ValueKind::kEndpoint || kind == ValueKind::kUser;
  }
};

template <class Row>
using ColumnList = std::vector<const Column<Row>*>;

// Whether one of "a,b,c" is known only with Options::describe.
bool needs_description(std::string_view columns);

// What it shows is of the process, not of the connection.
bool is_of_process(const Column<Flow>& column);

// All there are, in the order of the help.
template <class Row>
std::span<const Column<Row>> all_columns();

// nullptr: there is none of that name.
template <class Row>
const Column<Row>* find_column(std::string_view name);

// As find_column; the error names the nearest column and lists all.
template <class Row>
tl::expected<const Column<Row>*, std::string> parse_column(std::string_view name);

// "pid,comm,rx_rate".
template <class Row>
tl::expected<ColumnList<Row>, std::string> parse_columns(std::string_view list);

// One line per column: name and help.
template <class Row>
std::string column_help();

inline constexpr std::string_view kSnapshotFlowColumns =
    "proto,state,local,remote,pid,comm,rx_bytes,tx_bytes,rtt,retransmits,age";
inline constexpr std::string_view kTopFlowColumns =
    "comm,pid,proto,lport,remote,state,rx_rate,tx_rate,rtt,retransmits";
inline constexpr std::string_view kTopProcessColumns =
    "pid,comm,conns,rx_rate,tx_rate,rtt,retr_rate";

// What people read: clean, "—" when not known, never longer than `width` cells where the kind can
// be shortened.
inline constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);
template <class Row>
std::string cell_text(const Column<Row>& column, const Row& row, const CellOptions& options,
                      std::size_t width = kNoLimit);

// What programs read: bytes and bytes per second, microseconds, user numbers, full names of states;
// clean, empty when not known.
template <class Row>
std::string raw_text(const Column<Row>& column, const Row& row, const CellOptions& options);

// Orders rows; unknown values, as monostate, come last whatever the direction.
using SortKey = std::variant<std::monostate, double, std::string>;
template <class Row>
SortKey sort_key(const Column<Row>& column, const Row& row, const CellOptions& options);

}  // namespace sockscope
