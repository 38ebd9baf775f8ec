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
  if (cells > 24) grid.put(x + cells / 2, y, middle, {Role::kDim});
  if (cells > 12) grid.put(x + cells - 3, y, "now", {Role::kDim});
}

std::string user_of(const Model& model, const std::optional<std::uint32_t>& uid) {
  if (!uid) return "uid —";
  const std::string name = model.user_name ? model.user_name(*uid) : "";
  return fmt::format("uid {}{}", *uid, name.empty() ? "" : ' ' + name);
}

void put_rate(std::string_view arrow, Role role, const Rates& rates, const Series& series,
              std::optional<double> now, std::uint64_t bytes,
              const std::optional<std::uint64_t>& segments, int y, const State& state, Grid& grid) {
  const auto ten_seconds =
      static_cast<std::size_t>(std::max(20.0 * rates.cells / state.settings.window_s, 1.0));
  double peak = 0;
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (!series[i]) continue;
    peak = std::max(peak, *series[i]);
    if (series.size() - i > ten_seconds + 1) continue;
    sum += *series[i];
    ++count;
  }
  const double average = count == 0 ? 0 : sum / static_cast<double>(count);
  const Units units = state.settings.units;
  std::string text = fmt::format(
      "{:>10}   avg10s {:>5}   peak {:>5}   total {:>8}", rate_with_unit(now.value_or(0), units),
      format_rate(average, units), format_rate(peak, units), format_bytes(bytes));
  if (segments) text += fmt::format("   {} segs", *segments);
  grid.put(1, y, arrow, {role});
  grid.put(6, y, text);
}

}  // namespace

void put_rates(const Rates& rates, const Figures& now, int y, const State& state, Screen& screen) {
  put_rate("↓ RX", Role::kRx, rates, rates.rx, now.rx_rate, now.rx_bytes, now.rx_segments, y, state,
           screen.grid);
  put_rate("↑ TX", Role::kTx, rates, rates.tx, now.tx_rate, now.tx_bytes, now.tx_segments, y + 1,
           state, screen.grid);
}

void put_plots(const Rates& rates, int x, int y, int rows, const State& state, Screen& screen) {
  draw_mirror(rates.rx, rates.tx, {x, screen.grid.size().columns, y, rows, false}, state, screen);
  put_axis(x + 6, y + 2 * rows, rates.cells, state.settings.window_s, screen.grid);
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
