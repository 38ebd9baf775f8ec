// SPDX-License-Identifier: Apache-2.0
#include "tui/grid.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace sockscope::tui {
namespace {

// More bytes of combining characters than this on one cell can only be an attack.
constexpr std::size_t kMostBytes = 24;

// The most similar ASCII character for what views draw; for plots it depends on the height.
char ascii_of(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, char>, 33> kKnown{{
      {"─", '-'}, {"│", '|'}, {"┤", '|'}, {"┼", '+'}, {"└", '+'}, {"┐", '+'}, {"┌", '+'},
      {"┘", '+'}, {"├", '|'}, {"↓", 'v'}, {"↑", '^'}, {"▼", 'v'}, {"▲", '^'}, {"▌", '>'},
      {"†", 'x'}, {"…", '~'}, {"—", '-'}, {"·", '-'}, {"→", '>'}, {"▸", '>'}, {"▾", 'v'},
      {"⏎", 'E'}, {"⇥", 'T'}, {"±", '+'}, {"×", 'x'}, {"▁", '.'}, {"▂", '.'}, {"▃", ':'},
      {"▄", ':'}, {"▅", '|'}, {"▆", '|'}, {"▇", '#'}, {"≤", '<'},
  }};
  for (const auto& [from, to] : kKnown)
    if (from == text) return to;
  if (text == "█") return '#';
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.size() == 3 && byte(0) == 0xE2 && byte(1) >= 0xA0 && byte(1) <= 0xA3) {  // braille
    const unsigned dots = (byte(1) & 3u) << 6 | (byte(2) & 0x3Fu);
    static constexpr std::string_view kHeights = " .:|#";
    int height = 0;
    constexpr std::array<unsigned, 4> kRowsOfDots{0xC0, 0x24, 0x12, 0x09};
    for (const unsigned row : kRowsOfDots) height += (dots & row) != 0;
    return kHeights[static_cast<std::size_t>(height)];
  }
  return '?';
}

}  // namespace

std::size_t character_length(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
  return std::min(length, text.size());
}

Grid::Grid(Size size)
    : size_{std::max(size.columns, 1), std::max(size.rows, 1)},
      cells_(static_cast<std::size_t>(size_.columns) * static_cast<std::size_t>(size_.rows)) {}

void Grid::set(int x, int y, std::string_view text, Style style) {
  Cell& cell = cells_[index(x, y)];
  // Half of a wide character cannot be shown.
  if (cell.text.empty() && x > 0) cells_[index(x - 1, y)].text = " ";
  if (x + 1 < size_.columns && cells_[index(x + 1, y)].text.empty())
    cells_[index(x + 1, y)].text = " ";
  cell.text = text;
  cell.style = style;
}

void Grid::mark_cut(int end, int y, Style style) {
  if (end > 1 && cells_[index(end - 1, y)].text.empty()) set(end - 2, y, " ", style);
  set(end - 1, y, "…", style);
}

int Grid::put(int x, int y, std::string_view text, Style style, int limit) {
  if (y < 0 || y >= size_.rows) return x;
  const int end = std::min(limit, size_.columns);
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7F; });
  const std::string cleaned = is_plain ? std::string() : clean_text(text);
  if (!is_plain) text = cleaned;
  int last = -1;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, character_length(text));
    text.remove_prefix(character.size());
    const int width = character.size() == 1 ? 1 : static_cast<int>(display_width(character));
    if (width == 0) {
      if (last < 0) continue;
      std::string& base = cells_[index(last, y)].text;
      if (base.size() + character.size() <= kMostBytes) base += character;
      continue;
    }
    if (x + width > end) {
      const bool is_over = character == " " && text.find_first_not_of(' ') == text.npos;
      if (last >= 0 && !is_over) mark_cut(x, y, style);
      return std::max(x, 0);
    }
    if (x >= 0) {
      set(x, y, character, style);
      if (width == 2) {
        set(x + 1, y, " ", style);
        cells_[index(x + 1, y)].text.clear();
      }
      last = x;
    }
    x += width;
  }
  return x;
}

int Grid::put_right(int end, int y, std::string_view text, Style style) {
  const int x = end - static_cast<int>(display_width(clean_text(text)));
  if (x < 0) {
    put(0, y, text, style, end);
    return 0;
  }
  if (x > 1 && x < size_.columns && y >= 0 && y < size_.rows && at(x, y).text != " " &&
      at(x - 1, y).text != " ") {
    mark_cut(x - 1, y, at(x - 2, y).style);
    set(x - 1, y, " ", {});
  }
  put(x, y, text, style);
  return x;
}

void Grid::rule(int y, int end) {
  for (int x = 0; x < std::min(end, size_.columns); ++x) put(x, y, "─", {Role::kDim});
}

void Grid::clear_row(int y, Style style) {
  for (int x = 0; x < size_.columns; ++x) put(x, y, " ", style);
}

void Grid::select(int y, int from, int to) {
  if (y < 0 || y >= size_.rows) return;
  for (int x = std::max(from, 0); x < std::min(to, size_.columns); ++x)
    cells_[index(x, y)].style.selected = true;
}

void Grid::to_ascii() {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    std::string& text = cells_[i].text;
    if (text.size() == 1 && static_cast<unsigned char>(text[0]) < 0x80) continue;
    text = text.empty() ? "?" : std::string(1, ascii_of(text));
  }
}

std::string Grid::text() const {
  std::string out;
  for (int y = 0; y < size_.rows; ++y) {
    std::string line;
    for (int x = 0; x < size_.columns; ++x) line += at(x, y).text;
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string Grid::styles() const {
  static constexpr std::string_view kNames = ".dtkrxlbLFT";
  static_assert(kNames.size() == kRoles);
  std::string out;
  for (int y = 0; y < size_.rows; ++y) {
    std::string line;
    for (int x = 0; x < size_.columns;) {
      const Style style = at(x, y).style;
      const int from = x;
      while (x < size_.columns && at(x, y).style == style) ++x;
      if (style == Style{}) continue;
      line += ' ';
      line += std::to_string(from) + '-' + std::to_string(x - 1);
      line += kNames[static_cast<std::size_t>(style.role)];
      if (style.selected) line += '*';
    }
    if (!line.empty()) out += std::to_string(y) + ':' + line + '\n';
  }
  return out;
}

std::vector<std::string> wrap(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(0, end);  // and the spaces before it
    if (lines.back().empty())
      lines.back() = word.substr(begin);
    else if (display_width(lines.back()) + display_width(word) <= columns)
      lines.back() += word;
    else
      lines.emplace_back(word.substr(begin));
    text.remove_prefix(end);
  }
  return lines;
}

}  // namespace sockscope::tui
