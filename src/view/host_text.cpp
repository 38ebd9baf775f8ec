// SPDX-License-Identifier: Apache-2.0
#include "view/host_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace sockscope {

std::string speed_text(const Interface& interface) {
  if (!interface.speed_bits) return kUnknown;
  return format_rate(static_cast<double>(*interface.speed_bits) / 8, Units::kBits);
}

std::string rate_text(const std::optional<double>& rate, Units units) {
  return rate ? format_rate(*rate, units) : kUnknown;
}

std::string bytes_text(const std::optional<std::uint64_t>& bytes) {
  return bytes ? format_bytes(*bytes) : kUnknown;
}

std::string signed_bytes(std::int64_t bytes) {
  return bytes < 0 ? '-' + format_bytes(static_cast<std::uint64_t>(-bytes))
                   : format_bytes(static_cast<std::uint64_t>(bytes));
}

std::string probe_text(const ProbeHealth& health) {
  if (!health.problem.empty()) return clean_text(health.problem);
  if (!health.loss_pct) return "no answer yet";
  return (health.rtt_ms ? fmt::format("{:.2f} ms", *health.rtt_ms) : std::string("no answer")) +
         fmt::format("  loss {:.0f} %", *health.loss_pct);
}

std::string answers_text(const NameServerHealth& health) {
  std::string text = health.median_us
                         ? format_ms(static_cast<std::uint32_t>(
                               std::min<std::uint64_t>(*health.median_us, UINT32_MAX))) +
                               " ms"
                         : std::string(kUnknown);
  text += fmt::format("  {} {}", health.answered, health.answered == 1 ? "answer" : "answers");
  if (health.refused != 0) text += fmt::format("  {} failed", health.refused);
  if (health.unanswered != 0) text += fmt::format("  {} without answer", health.unanswered);
  return text;
}

}  // namespace sockscope
