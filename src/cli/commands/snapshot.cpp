// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/snapshot.h"

#include "cli/command.h"
#include "cli/excerpt.h"
#include "cli/option_groups.h"
#include "cli/sink.h"
#include "view/counts.h"
#include "view/pairs.h"

namespace sockscope {
namespace {

// A server without an answer is asked twice, for two seconds each.
constexpr std::chrono::milliseconds kPatienceForNames{4'500};

constexpr auto kProcessColumns = [] {
  using enum ColumnId;
  return std::to_array(
      {kPid, kComm, kConns, kListeners, kRxBytes, kTxBytes, kMeanRtt, kRetransmits});
}();

// The part of the snapshot that JSON has; empty: all of it.
template <class Row>
std::optional<Excerpt> choose_excerpt(const Arguments& arguments, const TableChoice<Row>& choice) {
  if (!arguments.only && arguments.columns.empty()) return std::nullopt;
  return excerpt_of<Row>(arguments.columns.empty() ? ColumnList<Row>() : choice.columns);
}

template <class Row>
RowCount::Value json_value(const Column<Row>& column, const Row& row, CellOptions cells) {
  cells.wide = true;
  CellValue value = column.value(row, cells);
  if (const auto* const endpoint = std::get_if<Endpoint>(&value)) return to_string(*endpoint);
  if (auto* const text = std::get_if<std::string>(&value)) return std::move(*text);
  if (const auto* const real = std::get_if<double>(&value)) return *real;
  if (const auto* const number = std::get_if<std::uint64_t>(&value)) return *number;
  return {};
}

template <class Row>
void print_counts_json(const Snapshot& snapshot, std::span<const Count<Row>> counts,
                       const HostId& host, const TableChoice<Row>& choice, bool pretty,
                       Output& output) {
  std::vector<std::string_view> names;
  for (const Column<Row>* column : choice.columns) names.push_back(column->info().name);
  std::vector<RowCount> told;
  for (const Count<Row>& count : counts) {
    RowCount& row = told.emplace_back(RowCount{count.rows, {}});
    for (const Column<Row>* column : choice.columns)
      row.values.push_back(json_value(*column, *count.one_of_them, choice.cells));
  }
  write_counts_json(snapshot, host, names, told, pretty,
                    [&output](std::string_view piece) { output.piece(piece); });
}

void print_lines(const std::vector<std::string>& lines, Output& output) {
  for (const std::string& line : lines) output.piece(line + '\n');
}

// --count-by
template <class Row>
void print_counts(const Snapshot& snapshot, const std::vector<Row>& rows, const HostId& host,
                  const Arguments& arguments, const TableChoice<Row>& choice, bool pretty,
                  Output& output) {
  const bool is_table = arguments.format == OutputFormat::kTable;
  auto counts =
      count_rows<Row>(rows, choice.columns, choice.cells,
                      is_table ? Compared::kCells : Compared::kRawTexts, choice.order.reverse);
  if (choice.order.top != 0 && choice.order.top < counts.size()) counts.resize(choice.order.top);
  if (is_table)
    print_lines(render_counts<Row>(counts, choice.columns, choice.cells, output.width()), output);
  else if (arguments.is_json())
    print_counts_json<Row>(snapshot, counts, host, choice, pretty, output);
  else
    print_lines(render_counts_csv<Row>(counts, choice.columns, choice.cells), output);
}

template <class Row>
void print_rows(Snapshot& snapshot, std::vector<Row>& rows, const HostId& host,
                const SnapshotArguments& arguments, TableChoice<Row> choice, Output& output) {
  choice.cells.now_ns = snapshot.mono_ns;
  const bool pretty = output.is_terminal() && arguments.format == OutputFormat::kJson;
  if (!arguments.count_by.empty())
    return print_counts(snapshot, rows, host, arguments, choice, pretty, output);
  if (arguments.is_json()) {
    rows = arranged(std::move(rows), choice);
    make_json_sink(output, host, choose_excerpt(arguments, choice), pretty)->snapshot(snapshot);
    return;
  }
  const auto shown = arrange<Row>(rows, choice.order, choice.cells);
  print_lines(arguments.format == OutputFormat::kCsv
                  ? render_csv<Row>(shown, choice.columns, choice.cells)
                  : render_table<Row>(shown, choice.columns, choice.cells, output.width()),
              output);
}

}  // namespace

std::optional<SnapshotChoice> choose_rows(const SnapshotArguments& arguments,
                                          std::span<const ColumnId> flow_columns) {
  if (arguments.only == Excerpt::Rows::kProcesses)
    return choose_table<Process>(arguments, kProcessColumns, ColumnId::kConns);
  return choose_table<Flow>(arguments, flow_columns, ColumnId::kLocal);
}

void print_snapshot(Snapshot& snapshot, const HostId& host, const SnapshotArguments& arguments,
                    const SnapshotChoice& choice, Output& output) {
  if (const auto* const of_flows = std::get_if<TableChoice<Flow>>(&choice))
    print_rows(snapshot, snapshot.flows, host, arguments, *of_flows, output);
  else
    print_rows(snapshot, snapshot.processes, host, arguments,
               std::get<TableChoice<Process>>(choice), output);
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

// The columns of --count-by are the ones that --columns would name.
void take_count_by(const CLI::App& app, SnapshotArguments& arguments) {
  if (app.count("--count-by") == 0) return;
  refuse(app, {"--columns", "--sort"}, "excludes --count-by");
  const auto check = [&]<class Row>(const tl::expected<ColumnList<Row>, std::string>& columns) {
    if (!columns) throw CLI::ValidationError("--count-by", columns.error());
  };
  if (arguments.only == Excerpt::Rows::kProcesses)
    check(parse_columns<Process>(arguments.count_by));
  else
    check(parse_columns<Flow>(arguments.count_by));
  arguments.columns = arguments.count_by;
}

void declare(CLI::App& app, SnapshotArguments& arguments) {
  add_selection(app, arguments);
  add_output(app, arguments, OutputFormat::kJson);
  add_only(app, arguments);
  add_pairs(app, arguments);
  add_order(app, arguments);
  add_text(app, "--count-by", arguments.count_by, "A,B,C",
           "count the rows with the same values in these columns; largest first");
  add_source(app, arguments);
  in_group(app, "");
  app.add_flag_callback("--udp-peers", [] {
    throw CLI::ValidationError(
        "--udp-peers",
        "a snapshot has no counts of remote ends; use top --once --udp-peers -i SECS");
  });
  add_expect_match(app, arguments);
  app.add_flag(
      "--tcp-info", arguments.options.tcp_internals,
      "JSON: also what 'ss -ti' shows of each TCP socket; implied when --columns, --sort or "
      "--filter names one of these numbers");
  app.add_flag("--holders", arguments.options.holders,
               "also every process that has the socket open, as column 'holders'");
  add_one_of(app, "--format", arguments.netwatch, "FORMAT",
             "sockscope (default), or netwatch: the Snapshot of NetWatch, as JSON",
             Words<bool>{{"sockscope", false}, {"netwatch", true}});
  app.add_flag("--envelope", arguments.envelope, "netwatch: wrap it as a request to a server");
  in_group(app, "Where from");
  add_parsed(app, "--from", arguments.from, "TOOL:FILE",
             "read what ss, lsof or nettop printed, or with proc:DIR a copy of /proc",
             parse_source);
  add_no_dns(app, arguments);
  add_resolve(app, arguments);
  add_nat(app, arguments);
  add_thresholds(app, arguments);
  add_watch(app, arguments, "netwatch: one per interval");
  add_time_limits(app, arguments, "snapshots");
  add_host_facts(app, arguments);
  add_no_probe(app, arguments, "netwatch: do not ping gateway and DNS server");
  app.final_callback([&app, &arguments] {
    take_count_by(app, arguments);
    if (arguments.only == Excerpt::Rows::kProcesses)
      refuse(app, {"--pairs"}, "excludes --only processes");
    if (!arguments.netwatch)
      refuse(app,
             {"--envelope", "--watch", "--interval", "--duration", "--count", "--root",
              "--no-probe", "--no-dns", "--threshold", "--allow-domain"},
             "needs --format netwatch");
    if (!arguments.from.path.empty())
      refuse(app,
             {"--envelope", "--watch", "--interval", "--root", "--no-probe", "--no-dns",
              "--resolve", "--nat", "--pairs", "--conn-key"},
             "excludes --from");
    if (!arguments.netwatch) return;
    refuse(app, {"--expect-match", "--tcp-info", "--only", "--count-by", "--pairs"},
           "excludes --format netwatch");
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
  options.describe |= arguments.is_json() && arguments.columns.empty();
  if (arguments.netwatch) {  // hooks count UDP, and connections between two passes
    options.connections = true;
    options.settle_owner = {};
    options.late_openings = !options.exact_owners;
    options.dns = arguments.dns;
    options.refusals = arguments.watch;  // for alerts
  }
  return options;
}

int run(const SnapshotArguments& arguments, const Options& observed) {
  if (!arguments.from.path.empty()) return snapshot_from(arguments);
  if (arguments.netwatch) return snapshot_netwatch(arguments, observed);
  std::vector<ColumnId> columns(kSnapshotFlowColumns.begin(), kSnapshotFlowColumns.end());
  if (arguments.pairs) columns.assign(kPairColumns.begin(), kPairColumns.end());
  if (observed.resolve) columns.push_back(ColumnId::kRemoteName);
  if (observed.translations) columns.push_back(ColumnId::kNat);
  if (observed.holders) columns.push_back(ColumnId::kHolders);
  const auto choice = choose_rows(arguments, columns);
  if (!choice) return kExitUsage;
  auto session = Session::open(arguments, observed, std::nullopt);
  if (!session) return session.error();
  auto snapshot = session->snapshot(nullptr);
  if (!snapshot) return report(snapshot.error());

  session->monitor.wait_for_names(*snapshot, kPatienceForNames);
  apply_filter(*snapshot, session->filter);
  if (arguments.pairs) join_pairs(snapshot->flows);
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
        "  sudo sockscope snapshot --count-by state,comm\n"
        "  sudo sockscope snapshot --only processes --columns pid,comm,conns --json\n"
        "  sudo sockscope snapshot --format netwatch --watch -i 10  a NetWatch Snapshot a line\n"
        "  ss -tunapi | sockscope snapshot --from ss:-\n",
    .notes = "",
});

}  // namespace sockscope
