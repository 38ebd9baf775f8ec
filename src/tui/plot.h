// SPDX-License-Identifier: Apache-2.0
// Time series as text. Values may be missing: those leave a hole.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sockscope::tui {

enum class PlotStyle : unsigned char { kBraille, kBlock };

using Series = std::vector<std::optional<double>>;

// One row of `series.size() / 2` cells, two values a cell; the largest value is the full height,
// but at least `least_top` is.
std::string sparkline(std::span<const std::optional<double>> series, PlotStyle style,
                      double least_top = 0);

// `rows` rows of series.size() / 2 cells, the top row first. `hanging`: from the top down.
std::vector<std::string> area_plot(std::span<const std::optional<double>> series, int rows,
                                   double top, PlotStyle style, bool hanging = false);

}  // namespace sockscope::tui
