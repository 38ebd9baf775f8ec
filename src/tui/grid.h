// SPDX-License-Identifier: Apache-2.0
// A screen as values: cells with text and a role. Views draw into it, and the driver shows it;
// nothing here depends on a terminal.
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

// What a cell is for; a theme turns it into colours and attributes. No meaning may depend on these
// alone.
enum class Role : std::uint8_t {
  kText,
  kDim,    // idle rows, units, rules
  kTitle,  // headings
  kKey,    // a key to press, in footers and help
  kRx,
  kTx,
  kLook,    // deserves a look
  kBroken,  // something is broken
  kLive,
  kFrozen,
  kTab,  // the view on the screen
};
inline constexpr std::size_t kRoles = 11;

struct Style {
  Role role = Role::kText;
  bool selected = false;
  bool operator==(const Style&) const = default;
};

// One cell: a character with its combining characters. A wide character also owns the cell to its
// right, whose text is empty.
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

  // Puts text at (x, y), cleaned so that it can do nothing but show itself, and returns the column
  // after it. Text that would reach beyond the grid, or to column `limit`, is cut off with "…",
  // because the beginning of a number is another number.
  int put(int x, int y, std::string_view text, Style style = {}, int limit = INT32_MAX);
  // Puts text so that it ends before column `end`. What is there already and would touch it is cut
  // off with "…". Returns its first column.
  int put_right(int end, int y, std::string_view text, Style style = {});
  // A horizontal rule over the whole row, or up to a column.
  void rule(int y, int end = INT32_MAX);
  void clear_row(int y, Style style = {});
  // Marks cells of a row as selected without changing them otherwise.
  void select(int y, int from, int to);

  // Leaves only ASCII: lines, marks and plots become the most similar characters, all others '?'.
  void to_ascii();

  // For tests: the text; and for each row the runs of cells that are not plain: "3: 0-8t 9-20d*".
  std::string text() const;
  std::string styles() const;

 private:
  std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(size_.columns) +
           static_cast<std::size_t>(x);
  }
  void set(int x, int y, std::string_view text, Style style);
  // Makes the last character before column `end` the mark of a text that was cut.
  void mark_cut(int end, int y, Style style);

  Size size_;
  std::vector<Cell> cells_;
};

// How many bytes the first character of a non-empty text has; 1 for a byte that is not UTF-8.
std::size_t character_length(std::string_view text) noexcept;

// Breaks the text between words into lines of at most `columns` columns, unless a word is longer.
std::vector<std::string> wrap(std::string_view text, std::size_t columns);

}  // namespace sockscope::tui
