// SPDX-License-Identifier: Apache-2.0
#include "cli/history_table.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/timestamp.h"
#include "cli/lookup.h"
#include "model/place.h"

namespace sockscope {
namespace {

std::string or_dash(std::string_view text) {
  return text.empty() ? std::string(kNotKnown) : clean_text(text);
}

}  // namespace

std::string history_moment(std::uint64_t wall_ns) {
  const auto seconds = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  ::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

void TextTable::write(const WritePiece& write) const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row[i]));
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool is_right = std::ranges::find(right_, i) != right_.end();
      if (i != 0) line += ' ';
      line += is_right ? pad_left(row[i], widths[i]) : pad_right(row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    write(line + '\n');
  }
}

const ProcessInfo* history_process(const Flow& flow) {
  return flow.owner.process.get();
}

std::string history_command(const Flow& flow) {
  if (flow.owner.kind == OwnerKind::kKernel) return "[kernel]";
  return flow.owner.pid == 0 ? "[unattributed]" : or_dash(flow.owner.name());
}

std::string history_place(const Flow& flow) {
  const ProcessInfo* const process = history_process(flow);
  return or_dash(process == nullptr ? "" : place_name(*process));
}

std::string history_user(const Flow& flow) {
  if (!flow.owner.uid) return std::string(kNotKnown);
  const std::string name = user_name(*flow.owner.uid);
  return name.empty() ? std::to_string(*flow.owner.uid) : clean_text(name);
}

std::string history_remote(const Flow& flow) {
  if (flow.remote.addr.family == 0) return std::string(kNotKnown);
  if (flow.direction == Direction::kInbound)
    return fmt::format("← {} :{}", to_string(flow.remote.addr), flow.local.port);
  return fmt::format("{} {}", flow.direction == Direction::kOutbound ? "→" : "↔",
                     to_string(flow.remote));
}

std::string history_name(const Flow& flow) {
  return or_dash(flow.remote_name ? flow.remote_name->name : "");
}

void write_missing(const std::vector<store::Missing>& missing, const WritePiece& write) {
  for (const store::Missing& gap : missing)
    write(fmt::format("  {} to {}: {}{}\n", history_moment(gap.from_ns), history_moment(gap.to_ns),
                      clean_text(gap.reason),
                      gap.count == 0 ? "" : fmt::format(" ({})", gap.count)));
}

void write_history_document(const WritePiece& to, std::string_view schema,
                            const std::function<void(HistoryFields&)>& write) {
  json::Buffer buffer;
  json::Writer<json::Buffer> writer(buffer);
  HistoryFields fields(writer);
  writer.StartObject();
  fields.text("schema", schema);
  write(fields);
  writer.EndObject();
  to({buffer.GetString(), buffer.GetSize()});
  to("\n");
}

void write_history_time(HistoryFields& fields, std::string_view key, std::uint64_t wall_ns) {
  Rfc3339 rfc3339;
  wall_ns == 0 || wall_ns == UINT64_MAX ? fields.null(key) : fields.text(key, rfc3339(wall_ns));
}

void write_history_flow(HistoryFields& fields, const Flow& flow) {
  static const ProcessInfo nothing;
  const ProcessInfo* const known = history_process(flow);
  const ProcessInfo& process = known != nullptr ? *known : nothing;
  fields.number_or_null("pid", flow.owner.pid);
  fields.number_or_null("start_ns", flow.owner.start_ns);
  fields.foreign_text("comm", flow.owner.name());
  fields.optional("uid", flow.owner.uid);
  fields.number_or_null("ppid", process.parent_pid);
  fields.foreign_text("parents", process.parents);
  fields.foreign_text("exe", process.exe());
  fields.foreign_text("cmdline", process.cmdline());
  fields.foreign_text("unit", process.unit());
  fields.foreign_text("container", process.container());
  fields.foreign_text("pod_uid", process.pod());
  fields.member("proto", flow.protocol);
  fields.member("direction", flow.direction);
  fields.number_or_null("netns", flow.netns);
  flow.remote.addr.family == 0 ? fields.null("remote_addr")
                               : fields.text("remote_addr", to_string(flow.remote.addr));
  fields.number_or_null("port", store::port_of(flow));
  fields.foreign_text("remote_name", flow.remote_name ? flow.remote_name->name : "");
}

void write_missing_json(HistoryFields& fields, const std::vector<store::Missing>& missing) {
  fields.objects("missing", missing, [&](const store::Missing& gap) {
    write_history_time(fields, "from", gap.from_ns);
    write_history_time(fields, "to", gap.to_ns);
    fields.foreign_text("reason", gap.reason);
    fields.number_or_null("count", gap.count);
  });
}

}  // namespace sockscope
