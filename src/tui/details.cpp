// SPDX-License-Identifier: Apache-2.0
#include "tui/details.h"

#include <fmt/format.h>

#include "base/text.h"

namespace sockscope::tui {
namespace {

void put_axis(int x, int y, int cells, std::uint32_t window_s, Grid& grid) {
  const std::string from = fmt::format("└ -{}s", window_s);
  const std::string middle = fmt::format("-{}s", window_s / 2);
  grid.put(x, y, from, {Role::kDim});
  if (cells > 24)
    grid.put(x + cells / 2, y, middle, {Role::kDim});
  if (cells > 12) grid.put(x + cells - 3, y, "now", {Role::kDim});
}

std::string user_of(const Model& model, const std::optional<std::uint32_t>& uid) {
  if (!uid) return "uid —";
  const std::string name = model.user_name ? model.user_name(*uid) : "";
  return fmt::format("uid {}{}", *uid, name.empty() ? "" : ' ' + name);
}

}  // namespace

RateLine rates(const Series& series, std::optional<double> now, std::size_t points_of_ten_seconds) {
  RateLine line{now.value_or(0)};
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (!series[i]) continue;
    line.peak = std::max(line.peak, *series[i]);
    if (series.size() - i <= points_of_ten_seconds + 1) {
      sum += *series[i];
      ++count;
    }
  }
  if (count != 0) line.average = sum / static_cast<double>(count);
  return line;
}

void put_rates(std::string_view arrow, Role role, const RateLine& line, std::uint64_t bytes,
               std::optional<std::uint64_t> segments, int y, const State& state, Screen& screen) {
  const Units units = state.settings.units;
  Grid& grid = screen.grid;
  grid.put(1, y, arrow, {role});
  std::string text = fmt::format("{:>10}   avg10s {:>5}   peak {:>5}   total {:>8}",
                                 rate_with_unit(line.now, units), format_rate(line.average, units),
                                 format_rate(line.peak, units), format_bytes(bytes));
  if (segments) text += fmt::format("   {} segs", *segments);
  grid.put(6, y, text);
}

void put_plots(const Series& rx, const Series& tx, int x, int y, int cells, int rows,
               const State& state, Screen& screen) {
  Grid& grid = screen.grid;
  double top = 1;
  for (const auto& series : {rx, tx})
    for (const auto& value : series) top = std::max(top, value.value_or(0));
  const auto up = area_plot(rx, rows, top, state.settings.plot);
  const auto down = area_plot(tx, rows, top, state.settings.plot, true);
  for (int row = 0; row < 2 * rows; ++row) {
    if (row == 0 || row == 2 * rows - 1)
      grid.put_right(x + 5, y + row, format_rate(top, state.settings.units), {Role::kDim});
    grid.put(x + 6, y + row, "┤", {Role::kDim});
    const bool is_rx = row < rows;
    grid.put(x + 7, y + row, is_rx ? up[static_cast<std::size_t>(row)] : down[static_cast<std::size_t>(row - rows)],
             {is_rx ? Role::kRx : Role::kTx});
  }
  put_axis(x + 6, y + 2 * rows, cells, state.settings.window_s, grid);
}

std::string process_line(const Model& model, std::string_view name, ProcessId id,
                         const std::optional<std::uint32_t>& uid, const ProcessInfo* info) {
  if (id.pid == 0) return std::string(name_of(id, ""));
  std::string line = fmt::format("{} {}", name, id.pid);
  if (info != nullptr && info->inner_pid != 0)
    line += fmt::format(" ({} in its container)", info->inner_pid);
  line += "  " + user_of(model, uid);
  if (info != nullptr && info->parent_pid != 0)
    line += fmt::format("  ppid {}{}{}", info->parent_pid, info->parents.empty() ? "" : " ",
                        clean_text(info->parents));
  if (info != nullptr && info->session != 0) line += fmt::format("  session {}", info->session);
  return line;
}

std::string command_of(const ProcessInfo* info) {
  if (info == nullptr || (info->cmdline().empty() && info->exe().empty())) return "—";
  std::string line = clean_text(info->cmdline());
  if (!info->exe().empty() && !info->cmdline().starts_with(info->exe()))
    line = fmt::format("[{}] {}", clean_text(info->exe()), line);
  return line;
}

void put_fact(int y, std::string_view name, std::string_view text, Grid& grid, int end) {
  grid.put(1, y, name, {Role::kTitle});
  grid.put(10, y, text, {}, end);
}

}  // namespace sockscope::tui
