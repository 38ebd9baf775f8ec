// SPDX-License-Identifier: Apache-2.0
// A screen as values: cells with text and the role they play. Views draw into it, the driver shows
// it; nothing here knows a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope::tui {

struct Size {
  int columns = 80;
  int rows = 24;
  bool operator==(const Size&) const = default;
};

// What a cell is for; a theme turns it into colours and attributes. Meaning never hangs on it
// alone.
enum class Role : std::uint8_t {
  kText,
  kDim,    // idle rows, units, rules
  kTitle,  // headings
  kKey,    // a key to press, in footers and help
  kRx,
  kTx,
  kLook,    // deserves a look
  kBroken,  // is broken
  kLive,
  kFrozen,
  kTab,  // the view that is shown
};
inline constexpr std::size_t kRoles = 11;

struct Style {
  Role role = Role::kText;
  bool selected = false;
  bool operator==(const Style&) const = default;
};

// One cell: a character with the combining characters on it. A wide character owns the cell at its
// right too, whose text is empty.
struct Cell {
  std::string text = " ";
  Style style;
  bool operator==(const Cell&) const = default;
};

class Grid {
 public:
  explicit Grid(Size size);

  Size size() const noexcept { return size_; }
  const Cell& at(int x, int y) const { return cells_[index(x, y)]; }

  // Puts text at (x, y), cleaned of what could do more than show itself, and returns the column
  // after it. What lies outside of the grid, or at `limit` and beyond, is cut off.
  int put(int x, int y, std::string_view text, Style style = {}, int limit = INT32_MAX);
  // The same, so that its last cell is the one before `end`. Returns the first column.
  int put_right(int end, int y, std::string_view text, Style style = {});
  // A horizontal rule over the whole row, or up to a column.
  void rule(int y, int end = INT32_MAX);
  void clear_row(int y, Style style = {});
  // Marks the cells of a row as selected, as they are.
  void select(int y, int from, int to);

  // Only ASCII stays: lines, marks and plots become their nearest likeness, other characters '?'.
  void to_ascii();

  // For tests: the text, and for each row the runs of cells that are not plain: "3: 0-8t 9-20d*".
  std::string text() const;
  std::string styles() const;

 private:
  std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(size_.columns) +
           static_cast<std::size_t>(x);
  }
  void set(int x, int y, std::string_view text, Style style);

  Size size_;
  std::vector<Cell> cells_;
};

// The bytes of the first character of a text that is not empty; 1 for a byte that is not UTF-8.
std::size_t character_length(std::string_view text) noexcept;

}  // namespace sockscope::tui
