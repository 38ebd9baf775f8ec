// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/text.h"
#include "cli/history_table.h"
#include "cli/history_text.h"

namespace sockscope {
namespace {

using store::Change;
using store::Difference;
using store::Talk;

constexpr std::pair<Change, std::string_view> kChanges[] = {
    {Change::kNew, "new"}, {Change::kGone, "gone"}, {Change::kChanged, "changed"}};

std::string bytes_of(const Talk& talk) {
  if (!talk.is_there) return "";
  return talk.has_counters ? format_bytes(talk.moved.rx_bytes + talk.moved.tx_bytes) : "—";
}
std::string count_of(const Talk& talk, std::uint64_t count) {
  return talk.is_there ? std::to_string(count) : "";
}
std::string rtt_of(const Talk& talk) {
  return talk.srtt_us == 0 ? "" : format_ms(static_cast<std::uint32_t>(talk.srtt_us));
}
// In per cent of the segments sent.
std::string retransmits_of(const Talk& talk) {
  if (!talk.has_counters || talk.moved.tx_segments == 0) return "";
  return fmt::format("{:.2f}", 100 * static_cast<double>(talk.moved.retransmits) /
                                   static_cast<double>(talk.moved.tx_segments));
}

// "3 → 5"; one value where there is only one.
std::string both(const std::string& before, const std::string& after) {
  if (before.empty()) return after;
  return after.empty() || before == after ? before : before + " → " + after;
}

void write_talk(HistoryFields& fields, std::string_view name, const Talk& talk) {
  if (!talk.is_there) return fields.null(name);
  fields.object(name, [&] {
    fields.number("connections", talk.connections);
    fields.number("failed", talk.failed);
    for (const auto& [key, value] :
         {std::pair{"tx_bytes", talk.moved.tx_bytes}, std::pair{"rx_bytes", talk.moved.rx_bytes},
          std::pair{"tx_segments", talk.moved.tx_segments},
          std::pair{"retransmits", talk.moved.retransmits}})
      talk.has_counters ? fields.number(key, value) : fields.null(key);
    fields.number_or_null("srtt_us", talk.srtt_us);
  });
}

}  // namespace

void write_diff(const std::vector<Difference>& found, const DiffSide& base, const DiffSide& with,
                std::size_t top, const WritePiece& write) {
  for (const auto& [change, name] : kChanges) {
    const auto count =
        static_cast<std::size_t>(std::ranges::count(found, change, &Difference::change));
    write(fmt::format("{}: {}\n", name, count));
    if (count == 0) continue;
    TextTable table({"COMMAND", "UNIT / CONTAINER", "REMOTE", "NAME", "CONNS", "FAILED", "BYTES",
                     "RTT ms", "RETR%"},
                    {});
    std::size_t shown = 0;
    for (const Difference& each : found) {
      if (each.change != change || (top != 0 && shown == top)) continue;
      ++shown;
      table.add({history_command(each.flow), history_place(each.flow), history_remote(each.flow),
                 history_name(each.flow),
                 both(count_of(each.base, each.base.connections),
                      count_of(each.with, each.with.connections)),
                 both(count_of(each.base, each.base.failed), count_of(each.with, each.with.failed)),
                 both(bytes_of(each.base), bytes_of(each.with)),
                 both(rtt_of(each.base), rtt_of(each.with)),
                 both(retransmits_of(each.base), retransmits_of(each.with))});
    }
    table.write([&write](std::string_view line) { write("  " + std::string(line)); });
    if (shown < count) write(fmt::format("  {} of {} (--top 0: all)\n", shown, count));
  }
  for (const auto& [side, name] : {std::pair{&base, "--base"}, std::pair{&with, "--with"}}) {
    if (side->missing.empty()) continue;
    write(fmt::format("not recorded, or not completely, in {}:\n", name));
    write_missing(side->missing, write);
  }
}

void write_diff_json(const std::vector<Difference>& found, const DiffSide& base,
                     const DiffSide& with, const WritePiece& write) {
  write_history_document(write, kDiffSchema, [&](HistoryFields& fields) {
    for (const auto& [side, name] : {std::pair{&base, "base"}, std::pair{&with, "with"}})
      fields.object(name, [&] {
        write_history_time(fields, "from", side->range.from_ns);
        write_history_time(fields, "to", side->range.to_ns);
        fields.decimal("seconds", side->seconds);
        write_missing_json(fields, side->missing);
      });
    fields.objects("rows", found, [&](const Difference& each) {
      for (const auto& [change, name] : kChanges)
        if (each.change == change) fields.text("change", name);
      write_history_flow(fields, each.flow);
      write_talk(fields, "base", each.base);
      write_talk(fields, "with", each.with);
      fields.decimal("rate_change", each.rate_change);
    });
  });
}

}  // namespace sockscope
