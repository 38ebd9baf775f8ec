// SPDX-License-Identifier: Apache-2.0
// Time series as text. A missing value leaves a gap.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sockscope::tui {

enum class PlotStyle : unsigned char { kBraille, kBlock };

using Series = std::vector<std::optional<double>>;

// One row of `series.size() / 2` cells, with two values in each; the largest value has the full
// height, unless it is below `least_top`, which then has.
std::string sparkline(std::span<const std::optional<double>> series, PlotStyle style,
                      double least_top = 0);

// `rows` rows of series.size() / 2 cells, the top row first. `hanging`: grows downwards from the
// top.
std::vector<std::string> area_plot(std::span<const std::optional<double>> series, int rows,
                                   double top, PlotStyle style, bool hanging = false);

}  // namespace sockscope::tui
