// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/snapshot_output.h"
#include "cli/table_choice.h"

namespace sockscope {
namespace {

// A server that does not answer is asked twice, two seconds each.
constexpr std::chrono::milliseconds kPatienceForNames{4'500};

// The rows in the order of --sort, as many as --top.
std::vector<Flow> arranged(std::vector<Flow> flows, const TableChoice<Flow>& choice) {
  std::vector<Flow> rows;
  rows.reserve(flows.size());
  for (const Flow* flow : arrange<Flow>(flows, choice.order, choice.cells)) rows.push_back(*flow);
  return rows;
}

}  // namespace

void print_snapshot(Snapshot& snapshot, const HostId& host, const Arguments& arguments,
                    TableChoice<Flow>& choice, Output& output) {
  choice.cells.now_ns = snapshot.mono_ns;
  snapshot.flows = arranged(std::move(snapshot.flows), choice);
  if (arguments.format == OutputFormat::kJson || arguments.format == OutputFormat::kNdjson) {
    const bool pretty = output.is_terminal() && arguments.format == OutputFormat::kJson;
    write_snapshot_json(snapshot, host, pretty,
                        [&output](std::string_view piece) { output.piece(piece); });
    return;
  }
  std::vector<const Flow*> rows;
  for (const Flow& flow : snapshot.flows) rows.push_back(&flow);
  const auto lines = arguments.format == OutputFormat::kCsv
                         ? render_csv<Flow>(rows, choice.columns, choice.cells)
                         : render_table<Flow>(rows, choice.columns, choice.cells, output.width());
  for (const std::string& line : lines) {
    output.piece(line);
    output.piece("\n");
  }
}

int run_snapshot(const Arguments& arguments) {
  if (!arguments.from.path.empty()) return run_capture(arguments);
  if (arguments.netwatch) return run_netwatch(arguments);
  std::string columns(kSnapshotFlowColumns);
  if (arguments.options.resolve) columns += ",remote_name";
  if (arguments.options.holders) columns += ",holders";
  auto choice = choose_table<Flow>(arguments, columns, "local");
  if (!choice) return kExitUsage;
  int exit_code = kExitDone;
  auto session = Session::open(arguments, exit_code);
  if (!session) return exit_code;
  auto snapshot = session->monitor.snapshot();
  if (!snapshot) return report(snapshot.error());

  session->monitor.wait_for_names(*snapshot, kPatienceForNames);
  apply_filter(*snapshot, session->filter);
  Output& output = session->output;
  print_snapshot(*snapshot, session->host, arguments, *choice, output);
  if (!output.flush()) return output.exit_code();
  return session->exit_code();
}

}  // namespace sockscope
