// SPDX-License-Identifier: Apache-2.0
#include "tui/plot.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sockscope::tui {
namespace {

// How many of `levels` steps a value fills; every value above 0 fills at least one.
int level_of(const std::optional<double>& value, double top, int levels) {
  if (!value || *value <= 0 || top <= 0) return 0;
  return std::clamp(static_cast<int>(std::lround(*value / top * levels)), 1, levels);
}

// The dots of one column of a braille cell with `filled` of four.
constexpr std::array<unsigned, 5> kLeftUp{0, 0x40, 0x44, 0x46, 0x47};
constexpr std::array<unsigned, 5> kRightUp{0, 0x80, 0xA0, 0xB0, 0xB8};
constexpr std::array<unsigned, 5> kLeftDown{0, 0x01, 0x03, 0x07, 0x47};
constexpr std::array<unsigned, 5> kRightDown{0, 0x08, 0x18, 0x38, 0xB8};

void append_braille(std::string& out, unsigned dots) {
  out += '\xE2';
  out += static_cast<char>(0xA0 | dots >> 6);
  out += static_cast<char>(0x80 | (dots & 0x3F));
}

// Appends a cell whose two columns are filled to these levels, of `levels` in a cell.
void append_cell(std::string& out, int left, int right, PlotStyle style, bool hanging) {
  if (style == PlotStyle::kBraille) {
    const auto l = static_cast<std::size_t>(left);
    const auto r = static_cast<std::size_t>(right);
    const unsigned dots = hanging ? kLeftDown[l] | kRightDown[r] : kLeftUp[l] | kRightUp[r];
    if (dots == 0)
      out += ' ';
    else
      append_braille(out, dots);
    return;
  }
  static constexpr std::array<std::string_view, 9> kBlocks{" ", "▁", "▂", "▃", "▄",
                                                           "▅", "▆", "▇", "█"};
  // Few fonts have hanging blocks, so only the upper half or all is used.
  const int filled = std::max(left, right);
  if (hanging)
    out += filled == 0 ? " " : filled <= 4 ? "▀" : "█";
  else
    out += kBlocks[static_cast<std::size_t>(filled)];
}

}  // namespace

std::vector<std::string> area_plot(std::span<const std::optional<double>> series, int rows,
                                   double top, PlotStyle style, bool hanging) {
  const int a_row = style == PlotStyle::kBraille ? 4 : 8;
  std::vector<std::string> lines(static_cast<std::size_t>(std::max(rows, 0)));
  for (int row = 0; row < rows; ++row) {
    const int below = (hanging ? row : rows - 1 - row) * a_row;
    std::string& line = lines[static_cast<std::size_t>(row)];
    for (std::size_t i = 0; i + 1 < series.size(); i += 2) {
      const auto filled = [&](std::size_t at) {
        return std::clamp(level_of(series[at], top, rows * a_row) - below, 0, a_row);
      };
      append_cell(line, filled(i), filled(i + 1), style, hanging);
    }
  }
  return lines;
}

std::string sparkline(std::span<const std::optional<double>> series, PlotStyle style,
                      double least_top) {
  double top = least_top;
  for (const auto& value : series) top = std::max(top, value.value_or(0));
  return area_plot(series, 1, top, style)[0];
}

}  // namespace sockscope::tui
