// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/snapshot.h"

#include "cli/command.h"
#include "cli/option_groups.h"
#include "cli/sink.h"

namespace sockscope {
namespace {

// A server without an answer is asked twice, for two seconds each.
constexpr std::chrono::milliseconds kPatienceForNames{4'500};

// The rows in the order of --sort, at most --top of them.
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
  if (arguments.is_json()) {
    const bool pretty = output.is_terminal() && arguments.format == OutputFormat::kJson;
    make_json_sink(output, host, pretty)->snapshot(snapshot);
    return;
  }
  std::vector<const Flow*> rows;
  for (const Flow& flow : snapshot.flows) rows.push_back(&flow);
  const auto lines = arguments.format == OutputFormat::kCsv
                         ? render_csv<Flow>(rows, choice.columns, choice.cells)
                         : render_table<Flow>(rows, choice.columns, choice.cells, output.width());
  for (const std::string& line : lines) output.piece(line + '\n');
}

namespace {

// "ss:FILE"
Parsed<CaptureSource> parse_source(const std::string& text) {
  static const std::map<std::string, CaptureKind> kKinds = {{"ss", CaptureKind::kSs},
                                                            {"lsof", CaptureKind::kLsof},
                                                            {"nettop", CaptureKind::kNettop},
                                                            {"proc", CaptureKind::kProc}};
  const std::size_t colon = text.find(':');
  const auto found = kKinds.find(text.substr(0, colon));
  if (found == kKinds.end() || colon == std::string::npos || colon + 1 == text.size())
    return tl::make_unexpected("'" + text +
                               "' is none of ss:FILE, lsof:FILE, nettop:FILE, proc:DIR");
  return CaptureSource{found->second, text.substr(colon + 1)};
}

void declare(CLI::App& app, SnapshotArguments& arguments) {
  add_selection(app, arguments);
  add_output(app, arguments, OutputFormat::kJson);
  add_order(app, arguments);
  add_source(app, arguments);
  in_group(app, "");
  app.add_flag_callback("--udp-peers", [] {
    throw CLI::ValidationError(
        "--udp-peers", "counts begin when somebody watches: top --once --udp-peers -i SECS");
  });
  add_expect_match(app, arguments);
  app.add_flag(
      "--tcp-info", arguments.options.tcp_internals,
      "JSON: also what 'ss -ti' shows of each TCP socket; not needed where --columns, --sort or "
      "--filter name one of these numbers");
  app.add_flag("--holders", arguments.options.holders,
               "every process that has the socket open, as column 'holders'");
  add_one_of(app, "--format", arguments.netwatch, "FORMAT",
             "sockscope (default), or netwatch: the Snapshot of NetWatch, as JSON",
             Words<bool>{{"sockscope", false}, {"netwatch", true}});
  app.add_flag("--envelope", arguments.envelope, "netwatch: as a request to a server");
  in_group(app, "Where from");
  add_parsed(app, "--from", arguments.from, "TOOL:FILE",
             "what ss, lsof or nettop printed; a copy of /proc: proc:DIR", parse_source);
  add_no_dns(app, arguments);
  add_resolve(app, arguments);
  add_nat(app, arguments);
  add_thresholds(app, arguments);
  add_watch(app, arguments, "netwatch: one per interval");
  add_time_limits(app, arguments, "snapshots");
  add_host_facts(app, arguments);
  add_no_probe(app, arguments, "netwatch: do not ping gateway and DNS server");
  app.final_callback([&app, &arguments] {
    if (!arguments.netwatch)
      refuse(app,
             {"--envelope", "--watch", "--interval", "--duration", "--count", "--root",
              "--no-probe", "--no-dns", "--threshold", "--allow-domain"},
             "needs --format netwatch");
    if (!arguments.from.path.empty())
      refuse(app,
             {"--envelope", "--watch", "--interval", "--root", "--no-probe", "--no-dns",
              "--resolve", "--nat"},
             "excludes --from");
    if (!arguments.netwatch) return;
    refuse(app, {"--expect-match", "--tcp-info"}, "excludes --format netwatch");
    if (app.count("--resolve") != 0)
      throw CLI::ValidationError(
          "--format netwatch has no names of remote ends: it excludes --resolve");
    if (app.count("--nat") != 0)
      throw CLI::ValidationError("--format netwatch has no translated ends: it excludes --nat");
    if (!arguments.is_json() && app.count("--output") != 0)
      throw CLI::ValidationError("--format netwatch is JSON: --output excludes it");
    if (!arguments.watch)
      refuse(app, {"--duration", "--count", "--threshold", "--allow-domain"}, "needs --watch");
  });
}

Options observe(const SnapshotArguments& arguments) {
  Options options = asked_options(arguments);
  options.connections = false;
  options.quality = false;
  options.describe |= arguments.is_json();
  if (arguments.netwatch) {  // hooks count UDP, and connections between two passes
    options.connections = true;
    options.settle_owner = {};
    options.dns = arguments.dns;
    options.refusals = arguments.watch;  // for alerts
  }
  return options;
}

int run(const SnapshotArguments& arguments, const Options& observed) {
  if (!arguments.from.path.empty()) return snapshot_from(arguments);
  if (arguments.netwatch) return snapshot_netwatch(arguments, observed);
  std::vector<ColumnId> columns(kSnapshotFlowColumns.begin(), kSnapshotFlowColumns.end());
  if (observed.resolve) columns.push_back(ColumnId::kRemoteName);
  if (observed.translations) columns.push_back(ColumnId::kNat);
  if (observed.holders) columns.push_back(ColumnId::kHolders);
  auto choice = choose_table<Flow>(arguments, columns, ColumnId::kLocal);
  if (!choice) return kExitUsage;
  auto session = Session::open(arguments, observed, std::nullopt);
  if (!session) return session.error();
  auto snapshot = session->snapshot(nullptr);
  if (!snapshot) return report(snapshot.error());

  session->monitor.wait_for_names(*snapshot, kPatienceForNames);
  apply_filter(*snapshot, session->filter);
  Output& output = session->output;
  print_snapshot(*snapshot, session->host, arguments, *choice, output);
  if (!output.flush()) return output.exit_code();
  return session->exit_code(!snapshot->flows.empty());
}

}  // namespace

const Command kSnapshot = make_command<SnapshotArguments, declare, observe, run>({
    .name = "snapshot",
    .usage = "snapshot",
    .promise = "every TCP and UDP socket, now",
    .summary = "the sockets at one moment",
    .examples =
        "Every TCP and UDP socket of the host, now.\n"
        "\n"
        "  sudo sockscope snapshot\n"
        "  sudo sockscope snapshot -P 443 --sort rx_bytes --top 10\n"
        "  sudo sockscope snapshot --filter 'state:EST rtt>20'\n"
        "  sudo sockscope snapshot --json | jq '.flows[] | select(.retransmits > 0)'\n"
        "  sudo sockscope snapshot --format netwatch --watch -i 10  a NetWatch Snapshot a line\n"
        "  ss -tunapi | sockscope snapshot --from ss:-\n",
    .notes = "",
});

}  // namespace sockscope
