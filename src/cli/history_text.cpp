// SPDX-License-Identifier: Apache-2.0
#include "cli/history_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "base/timestamp.h"
#include "cli/history_table.h"
#include "view/table.h"

namespace sockscope {
namespace {

using store::Edge;

std::string bytes_of(const Edge& edge, std::uint64_t bytes) {
  return edge.has_counters ? format_bytes(bytes) : std::string(kNotKnown);
}

// "3 ECONNREFUSED": how many, and the error of the last one.
std::string failed_of(const Edge& edge) {
  const std::string_view error = edge.failed == 0 ? "" : errno_name(edge.error);
  return std::to_string(edge.failed) + (error.empty() ? "" : ' ' + std::string(error));
}

std::uint64_t all_bytes(const Edge& edge) {
  return edge.moved.rx_bytes + edge.moved.tx_bytes;
}

void add_to(Edge& sum, const Edge& edge) {
  sum.connections += edge.connections;
  sum.failed += edge.failed;
  sum.has_counters |= edge.has_counters;
  sum.moved += edge.moved;
  sum.first_ns = std::min(sum.first_ns, edge.first_ns);
  sum.last_ns = std::max(sum.last_ns, edge.last_ns);
}

void write_edge(HistoryFields& fields, const Edge& edge) {
  write_history_flow(fields, edge.flow);
  fields.number("connections", edge.connections);
  fields.number("failed", edge.failed);
  fields.text_or_null("error", edge.failed != 0 ? errno_name(edge.error) : "");
  for (const auto& [key, value] :
       {std::pair{"tx_bytes", edge.moved.tx_bytes}, std::pair{"rx_bytes", edge.moved.rx_bytes},
        std::pair{"retransmits", edge.moved.retransmits}})
    edge.has_counters ? fields.number(key, value) : fields.null(key);
  write_history_time(fields, "first", edge.first_ns);
  write_history_time(fields, "last", edge.last_ns);
}

}  // namespace

void arrange_edges(store::Answer& answer, GroupBy by) {
  if (by != GroupBy::kBoth) {
    using Key = std::tuple<std::uint32_t, std::uint64_t, std::string, std::string>;
    std::map<Key, Edge> sums;
    for (Edge& edge : answer.edges) {
      const Owner& owner = edge.flow.owner;
      const bool is_process = by == GroupBy::kProcess;
      const Key key = is_process ? Key{owner.pid, owner.start_ns, owner.name(), ""}
                                 : Key{0, 0, "", to_string(edge.flow.remote.addr)};
      const auto [place, is_new] = sums.try_emplace(key, edge);
      if (!is_new) {
        add_to(place->second, edge);
        continue;
      }
      Flow& flow = place->second.flow;
      if (is_process) {
        flow.remote = {};
        flow.local = {};
        flow.remote_name.reset();
        flow.direction = Direction::kUnknown;
      } else {
        flow.owner = {};
        flow.remote.port = flow.local.port = 0;
        flow.direction = Direction::kUnknown;
      }
    }
    answer.edges.clear();
    for (auto& [key, edge] : sums) answer.edges.push_back(std::move(edge));
  }
  std::stable_sort(answer.edges.begin(), answer.edges.end(), [](const Edge& a, const Edge& b) {
    return std::tuple(all_bytes(a), a.connections + a.failed) >
           std::tuple(all_bytes(b), b.connections + b.failed);
  });
}

void write_answer(const store::Answer& answer, GroupBy by, std::size_t all,
                  const WritePiece& write) {
  const bool has_process = by != GroupBy::kRemote;
  const bool has_remote = by != GroupBy::kProcess;
  std::vector<std::string> heading;
  std::vector<std::size_t> right;
  const auto column = [&](const char* name, bool is_right = false) {
    if (is_right) right.push_back(heading.size());
    heading.emplace_back(name);
  };
  if (has_process) {
    column("PID", true);
    for (const char* name : {"COMMAND", "USER", "UNIT / CONTAINER"}) column(name);
  }
  if (has_remote) {
    column(has_process ? "REMOTE" : "REMOTE END");
    column("NAME");
  }
  for (const char* name : {"CONNS", "FAILED", "RX", "TX"}) column(name, true);
  column("FIRST");
  column("LAST");
  TextTable table(heading, right);
  for (const Edge& edge : answer.edges) {
    const Flow& flow = edge.flow;
    std::vector<std::string> row;
    if (has_process) {
      row.push_back(flow.owner.pid == 0 ? std::string(kNotKnown) : std::to_string(flow.owner.pid));
      row.insert(row.end(), {history_command(flow), history_user(flow), history_place(flow)});
    }
    if (has_remote) {
      row.push_back(has_process ? history_remote(flow) : to_string(flow.remote.addr));
      row.push_back(history_name(flow));
    }
    row.insert(row.end(), {std::to_string(edge.connections), failed_of(edge),
                           bytes_of(edge, edge.moved.rx_bytes), bytes_of(edge, edge.moved.tx_bytes),
                           history_moment(edge.first_ns), history_moment(edge.last_ns)});
    table.add(std::move(row));
  }
  table.write(write);
  if (answer.edges.size() < all)
    write(fmt::format("  {} of {} (--top 0: all)\n", answer.edges.size(), all));
  if (answer.missing.empty()) return;
  write("not recorded, or not completely:\n");
  write_missing(answer.missing, write);
}

void write_answer_csv(const store::Answer& answer, const WritePiece& write) {
  Rfc3339 rfc3339;
  write(
      "pid,comm,uid,exe,unit,container,proto,direction,remote_addr,port,remote_name,connections,"
      "failed,rx_bytes,tx_bytes,retransmits,first,last\n");
  const auto text = [](std::string_view value) { return csv_text(clean_text(value), {}); };
  const auto known = [](std::uint64_t value) {
    return value == 0 ? std::string() : std::to_string(value);
  };
  for (const Edge& edge : answer.edges) {
    static const ProcessInfo nothing;
    const Flow& flow = edge.flow;
    const ProcessInfo& process =
        history_process(edge.flow) != nullptr ? *history_process(edge.flow) : nothing;
    const auto counter = [&](std::uint64_t value) {
      return edge.has_counters ? std::to_string(value) : std::string();
    };
    std::string line = fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},", known(flow.owner.pid),
        text(flow.owner.name()), flow.owner.uid ? std::to_string(*flow.owner.uid) : "",
        text(process.exe()), text(process.unit()), text(process.container()),
        to_string(flow.protocol), to_string(flow.direction),
        flow.remote.addr.family == 0 ? "" : to_string(flow.remote.addr),
        known(store::port_of(flow)), text(flow.remote_name ? flow.remote_name->name : ""),
        edge.connections, edge.failed, counter(edge.moved.rx_bytes), counter(edge.moved.tx_bytes),
        counter(edge.moved.retransmits));
    line += rfc3339(edge.first_ns);
    line += ',';
    line += rfc3339(edge.last_ns);
    write(line + '\n');
  }
}

void write_answer_json(const store::Answer& answer, const store::Range& range,
                       std::string_view question, const WritePiece& write) {
  write_history_document(write, kHistorySchema, [&](HistoryFields& fields) {
    fields.text("question", question);
    write_history_time(fields, "from", range.from_ns);
    write_history_time(fields, "to", range.to_ns);
    fields.objects("rows", answer.edges, [&](const Edge& edge) { write_edge(fields, edge); });
    write_missing_json(fields, answer.missing);
    fields.array("unreadable", answer.unreadable,
                 [&](const std::string& reason) { fields.foreign_value(reason); });
  });
}

void write_facts(const std::vector<store::FileFacts>& facts, bool verified,
                 const WritePiece& write) {
  TextTable table(
      {"FILE", "FROM", "TO", "FLOWS", "ROWS", "FAILED", "GAPS", "SIZE", "B/ROW", "STATE"},
      {3, 4, 5, 6, 7, 8});
  std::uint64_t bytes = 0;
  double seconds = 0;
  for (const store::FileFacts& file : facts) {
    const std::uint64_t rows = file.flows + file.deltas + file.failures;
    bytes += file.bytes;
    seconds += static_cast<double>(file.ended_ns - std::min(file.began_ns, file.ended_ns)) / 1e9;
    const std::string name = file.path.substr(file.path.rfind('/') + 1);
    const bool is_read = file.began_ns != 0;
    table.add({clean_text(name), is_read ? history_moment(file.began_ns) : std::string(kNotKnown),
               is_read ? history_moment(file.ended_ns) : std::string(kNotKnown),
               std::to_string(file.flows), std::to_string(rows), std::to_string(file.failures),
               std::to_string(file.gaps), format_bytes(file.bytes),
               rows == 0 ? std::string(kNotKnown) : std::to_string(file.bytes / rows),
               !file.problem.empty() ? clean_text(file.problem)
               : !file.is_complete   ? std::string("not ended")
                                     : std::string(verified ? "sound" : "complete")});
  }
  table.write(write);
  if (facts.empty()) return;
  const double a_day = seconds > 0 ? static_cast<double>(bytes) * 86'400 / seconds : 0;
  write(fmt::format("{} in {}, {} a day\n", format_bytes(bytes), counted(facts.size(), "file"),
                    format_bytes(static_cast<std::uint64_t>(a_day))));
}

void write_facts_json(const std::vector<store::FileFacts>& facts, const WritePiece& write) {
  write_history_document(write, kHistorySchema, [&](HistoryFields& fields) {
    fields.objects("files", facts, [&](const store::FileFacts& file) {
      fields.foreign_text("file", file.path);
      fields.foreign_text("host", file.host);
      fields.text_or_null("boot_id", file.boot_id);
      fields.foreign_text("program", file.program);
      write_history_time(fields, "from", file.began_ns);
      write_history_time(fields, "to", file.ended_ns);
      fields.truth("complete", file.is_complete);
      fields.decimal("interval_s", static_cast<double>(file.interval_ns) / 1e9);
      fields.number("bytes", file.bytes);
      fields.number("flows", file.flows);
      fields.number("deltas", file.deltas);
      fields.number("failures", file.failures);
      fields.number("gaps", file.gaps);
      fields.foreign_text("problem", file.problem);
    });
  });
}

}  // namespace sockscope
