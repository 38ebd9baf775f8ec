// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/top.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/timestamp.h"
#include "cli/command.h"
#include "cli/every_interval.h"
#include "cli/excerpt.h"
#include "cli/option_groups.h"
#include "cli/table_choice.h"
#include "model/diagnosis.h"
#include "model/match.h"
#include "view/flow_totals.h"
#include "view/host_text.h"
#include "view/pairs.h"

namespace sockscope {
namespace {

bool moves(const std::optional<double>& rx, const std::optional<double>& tx) {
  return rx.value_or(0) + tx.value_or(0) > 0;
}
bool is_idle(const Flow& flow) {
  return (flow.closed || flow.direction == Direction::kListen) &&
         !moves(flow.rx_rate, flow.tx_rate);
}
bool is_idle(const Process& process) {
  return process.open_flows == 0 && !moves(process.rx_rate, process.tx_rate);
}

// "184.2 Mb/s"; "—": not counted.
std::string rate_with_unit(const std::optional<double>& bytes_per_second, Units units) {
  if (!bytes_per_second) return kUnknown;
  const std::string number = format_rate(*bytes_per_second, units);
  const std::size_t digits = std::min(number.find_first_not_of("0123456789."), number.size());
  return number.substr(0, digits) + ' ' + number.substr(digits) +
         (units == Units::kBits || units == Units::kIbits ? "b/s" : "B/s");
}

// splits: only some connections of a process may be selected.
FlowTotals totals_of(const Snapshot& snapshot, bool splits) {
  const bool is_counting = snapshot.source != Source::kProcfs;
  if (!splits) return totals_of(snapshot.processes, is_counting);
  FlowSum sum;
  for (const Flow& flow : snapshot.flows) sum.add(flow);
  return sum.totals(is_counting);
}

std::string head_line(const Snapshot& snapshot, const FlowTotals& totals, const HostId& host,
                      Units units) {
  const std::size_t missing = unobserved(snapshot.doors).size();
  std::string line =
      fmt::format("sockscope  {}  {}  {:.1f} s   ↓ {}  ↑ {}  {}  lost {}", clean_text(host.name),
                  time_of_day(snapshot.wall_ns).substr(0, 8), snapshot.interval_s.value_or(0),
                  rate_with_unit(totals.rx_rate, units), rate_with_unit(totals.tx_rate, units),
                  counted(totals.open, "conn"), snapshot.lost.total());
  line += fmt::format("  {}{}", to_string(snapshot.source),
                      snapshot.source == Source::kEbpf ? "" : " (polled)");
  if (missing != 0)
    line += fmt::format(
        "  {} not observed (sockscope doctor{} says why)", counted(missing, "thing"),
        snapshot.source == Source::kEbpf ? ""
                                         : fmt::format(" --source {}", to_string(snapshot.source)));
  return line;
}

// idle: also print idle rows.
template <class Row>
void print_table(const std::vector<Row>& all, const TableChoice<Row>& choice,
                 const Snapshot& snapshot, bool idle, Output& output) {
  CellOptions cells = choice.cells;
  cells.now_ns = snapshot.mono_ns;
  auto rows =
      arrange<Row>(all, {.column = choice.order.column, .reverse = choice.order.reverse}, cells);
  const std::size_t hidden =
      idle ? 0 : std::erase_if(rows, [](const Row* row) { return is_idle(*row); });
  const std::size_t candidates = rows.size();
  if (choice.order.top != 0 && choice.order.top < candidates) rows.resize(choice.order.top);
  for (const std::string& line : render_table<Row>(rows, choice.columns, cells, output.width()))
    output.line(line);
  std::string left_out;
  if (rows.size() < candidates)
    left_out += fmt::format("  {} of {} (--top 0: all)", rows.size(), candidates);
  if (hidden != 0) left_out += fmt::format("  {} idle hidden (--idle: all)", hidden);
  if (!left_out.empty()) output.line(left_out);
  output.line("");
}

// How the rows of each kind are printed; a kind without a choice is left out.
struct Choices {
  std::optional<TableChoice<Process>> processes;
  std::optional<TableChoice<Flow>> flows;
};

class TopTables : public TextSink {
 public:
  TopTables(Output& output, HostId host, bool idle, bool splits, Units units, Choices choices)
      : TextSink(output),
        host_(std::move(host)),
        idle_(idle),
        splits_(splits),
        units_(units),
        choices_(std::move(choices)) {}

  void snapshot(const Snapshot& snapshot) override {
    output_.line(head_line(snapshot, totals_of(snapshot, splits_), host_, units_));
    for (const Alert& alert : *snapshot.alerts)
      if (alert.ended_ns == 0)
        output_.line(fmt::format("! {} {}: {}: {}", to_string(alert.severity),
                                 to_string(alert.kind), message(alert), detail(alert)));
    if (choices_.processes)
      print_table<Process>(snapshot.processes, *choices_.processes, snapshot, idle_, output_);
    if (choices_.flows)
      print_table<Flow>(snapshot.flows, *choices_.flows, snapshot, idle_, output_);
  }

 private:
  HostId host_;
  bool idle_;
  bool splits_;  // only some connections of a process may be selected
  Units units_;
  Choices choices_;
};

template <class Row>
class TopCsv : public TextSink {
 public:
  TopCsv(Output& output, std::vector<Row> Snapshot::*rows, TableChoice<Row> choice)
      : TextSink(output), rows_(rows), choice_(std::move(choice)) {}

  void snapshot(const Snapshot& snapshot) override {
    choice_.cells.now_ns = snapshot.mono_ns;
    const auto rows = arrange<Row>(snapshot.*rows_, choice_.order, choice_.cells);
    const auto lines = render_csv<Row>(rows, choice_.columns, choice_.cells);
    for (std::size_t i = std::exchange(first_line_, 1); i < lines.size(); ++i)
      output_.line((i == 0 ? "ts_ns" : std::to_string(snapshot.wall_ns)) + ',' + lines[i]);
  }

 private:
  std::vector<Row> Snapshot::*rows_;
  TableChoice<Row> choice_;
  std::size_t first_line_ = 0;  // the heading
};

// Options of the full screen.
void add_screen(CLI::App& app, TopArguments& arguments) {
  in_group(app, "Screen");
  const auto add_word = [&](const char* name, std::string& target, const char* type,
                            const char* help, std::initializer_list<const char*> words) {
    Words<std::string> pairs;
    for (const char* word : words) pairs.emplace_back(word, word);
    add_one_of(app, name, target, type, help, std::move(pairs));
  };
  app.add_flag("--read-only", arguments.read_only, "send no signals to processes");
  app.add_flag_callback(
      "--no-mouse", [&arguments] { arguments.mouse = false; },
      "do not use the mouse; the terminal keeps it");
  app.add_flag("--ascii", arguments.ascii, "draw with ASCII only");
  add_probe(app, arguments);
  add_word("--graph", arguments.graph, "KIND", "braille, block or ascii plots",
           {"braille", "block", "ascii"});
  add_word("--theme", arguments.theme, "NAME", "default, mono, high-contrast or colour-blind",
           {"default", "mono", "high-contrast", "colour-blind"});
  add_word("--color", arguments.colour, "WHEN", "auto, always or never",
           {"auto", "always", "never"});
}

void declare(CLI::App& app, TopArguments& arguments) {
  // Whether the next options may be in [top] of the configuration file.
  const auto in_file = [&app](bool may) { app.option_defaults()->configurable(may); };
  add_selection(app, arguments);
  add_output(app, arguments, OutputFormat::kNdjson);
  app.get_option("--columns")->configurable();
  add_only(app, arguments);
  add_pairs(app, arguments);
  in_file(true);
  add_order(app, arguments);
  app.add_flag("--plain", arguments.plain, "print tables instead of the full screen");
  add_source(app, arguments);
  add_exact_owner(app, arguments);
  add_nat(app, arguments);
  add_udp_peers(app, arguments);
  add_no_dns(app, arguments);
  add_resolve(app, arguments);
  in_group(app, "Which connections");
  add_parsed(app, "--keep-closed", arguments.options.keep_closed, "SECS",
             "how many seconds closed connections stay, 10 by default",
             [](const std::string& text) { return parse_seconds(text, 0, 600); });
  app.add_flag("--idle", arguments.idle,
               "also idle processes, listening sockets and closed connections");
  add_interval(app, arguments, "seconds between tables, 1 by default");
  in_file(false);
  add_time_limits(app, arguments, "tables");
  app.add_flag_callback(
      "--once", [&arguments] { arguments.count = 1; }, "one table after one interval");
  add_thresholds(app, arguments);
  in_file(true);
  add_screen(app, arguments);
  in_file(false);
  // Choosing columns means tables; columns in a configuration file only apply when there are
  // tables.
  app.final_callback([&app, &arguments] {
    const auto is_given = [&app](const char* name) { return app.count(name) != 0; };
    arguments.chooses_columns = is_given("--columns");
    arguments.limits_rows = is_given("--top");
    arguments.orders_rows = arguments.limits_rows || is_given("--sort") || is_given("--rsort");
    if (arguments.pairs && arguments.only == Excerpt::Rows::kProcesses)
      refuse(app, {"--pairs"}, "excludes --only processes");
    if (arguments.pairs) arguments.only = Excerpt::Rows::kFlows;
    arguments.plain |= arguments.chooses_columns || arguments.only;
  });
}

Options observe(const TopArguments& arguments) {
  Options options = asked_options(arguments);
  options.names = arguments.dns;
  options.dns = arguments.dns;  // for alerts, and for the screen's events
  options.refusals = true;
  options.late_openings = !options.exact_owners;
  if (arguments.wants_tables()) {
    options.describe |= arguments.is_json() && !arguments.chooses_columns;
    options.quality = false;  // tables read the kernel's own counters
    options.settle_owner = {};
  } else {
    options.describe = true;
    options.listen_drops = !options.filter.netns;  // otherwise sockscope would have to move to that
                                                   // namespace
  }
  return options;
}

// --columns and --sort apply to processes, and also to connections if those have such a column.
// With --only they apply to its rows. Returns nothing if it reported an error.
std::optional<Choices> choose(const TopArguments& arguments, const Options& observed) {
  Choices choices;
  TopArguments of_flows = arguments;
  if (arguments.only != Excerpt::Rows::kFlows) {
    choices.processes = choose_table<Process>(arguments, kTopProcessColumns, ColumnId::kRate);
    if (!choices.processes) return std::nullopt;
  }
  if (arguments.only == Excerpt::Rows::kProcesses) return choices;
  if (!arguments.only || !arguments.chooses_columns) of_flows.columns.clear();
  if ((!arguments.only || !arguments.orders_rows) && !find_column<Flow>(arguments.sort))
    of_flows.sort.clear();
  std::vector<ColumnId> shown(std::begin(kTopFlowColumns), std::end(kTopFlowColumns));
  if (arguments.pairs) shown.assign(std::begin(kTopPairColumns), std::end(kTopPairColumns));
  if (observed.translations) shown.push_back(ColumnId::kNat);
  choices.flows = choose_table<Flow>(of_flows, shown, ColumnId::kRate);
  return choices.flows ? std::optional(std::move(choices)) : std::nullopt;
}

std::unique_ptr<Sink> make_csv(Output& output, Choices& choices) {
  if (choices.processes)
    return std::make_unique<TopCsv<Process>>(output, &Snapshot::processes,
                                             std::move(*choices.processes));
  return std::make_unique<TopCsv<Flow>>(output, &Snapshot::flows, std::move(*choices.flows));
}

// The part of each snapshot that JSON has; empty: all of it.
std::optional<Excerpt> choose_excerpt(const TopArguments& arguments, const Choices& choices) {
  if (!arguments.only && !arguments.chooses_columns) return std::nullopt;
  const auto excerpt = [&]<class Row>(const TableChoice<Row>& choice) {
    return excerpt_of<Row>(arguments.chooses_columns ? choice.columns : ColumnList<Row>());
  };
  return choices.processes ? excerpt(*choices.processes) : excerpt(*choices.flows);
}

// JSON has all rows, unsorted, unless the command line says otherwise.
template <class Row>
void arrange_rows(const TopArguments& arguments, std::optional<TableChoice<Row>> choice,
                  std::vector<Row>& rows) {
  if (!choice || !arguments.is_json() || !arguments.orders_rows) return;
  if (!arguments.limits_rows) choice->order.top = 0;
  rows = arranged(std::move(rows), *choice);
}

int run(const TopArguments& arguments, const Options& observed) {
  if (!arguments.wants_tables()) return top_screen(arguments, observed);
  auto choices = choose(arguments, observed);
  if (!choices) return kExitUsage;

  auto session = Session::open(arguments, observed, "");
  if (!session) return session.error();
  Output& output = session->output;
  Sinks sinks = make_sinks(
      arguments, output, session->host,
      [&]() -> std::unique_ptr<Sink> {
        if (arguments.format == OutputFormat::kCsv) return make_csv(output, *choices);
        const bool splits = arguments.pairs || splits_processes(arguments.options.filter) ||
                            !session->filter.matches_all();
        return std::make_unique<TopTables>(output, session->host, arguments.idle, splits,
                                           arguments.units, std::move(*choices));
      },
      choose_excerpt(arguments, *choices));
  Detectors detectors(arguments.thresholds);
  const auto look = [&](const Event& event) {
    if (session->filter.matches(event.flow)) detectors.take(event, nullptr);
  };
  // Rates need a first reading.
  if (auto first = session->snapshot(look); !first) return report(first.error());

  std::uint64_t printed = 0;
  const auto step = [&](Wake wake) -> Result<bool> {
    if (wake == Wake::kFiles)
      return session->monitor.consume(look).map([](std::size_t) { return true; });
    auto snapshot = session->snapshot(look);
    if (!snapshot) return tl::make_unexpected(std::move(snapshot).error());
    apply_filter(*snapshot, session->filter);
    note_alerts(detectors, *snapshot);
    if (arguments.pairs) join_pairs(snapshot->flows);
    arrange_rows(arguments, choices->processes, snapshot->processes);
    arrange_rows(arguments, choices->flows, snapshot->flows);
    sinks.tell(&Sink::snapshot, *snapshot);
    return !arguments.is_enough(++printed);
  };
  const auto ended =
      every_interval({.interval = arguments.interval, .duration = arguments.duration},
                     session->stop_fd(), {session->monitor.fd()}, sinks, step);
  if (!ended) return report(ended.error());
  return *ended == Wake::kReaderGone ? sinks.exit_code() : session->exit_code();
}

}  // namespace

const Command kTop = make_command<TopArguments, declare, observe, run>({
    .name = "top",
    .usage = "top",
    .promise = "processes and connections with live rates",
    .summary = "the full screen, or tables at an interval",
    .examples =
        "Processes, connections, remote ends, events and the host itself, live on a full screen;\n"
        "? there is help.\n"
        "\n"
        "  sudo sockscope top\n"
        "  sudo sockscope top --read-only        without the menu that sends signals\n"
        "  sudo sockscope top --plain            tables, one every second\n"
        "  sudo sockscope top --once             one table, then done\n"
        "  sudo sockscope top -c nginx --sort tx_rate\n"
        "  sudo sockscope top --json -i 10 >log  a snapshot per line\n"
        "  sudo sockscope top --json --columns pid,comm,rate >log   these members of processes\n",
    .notes =
        "\nWith --probe, gateway and DNS server are pinged while the host's view (5) is shown;\n"
        "otherwise nothing is sent.\n",
    .has_section = true,
});

}  // namespace sockscope
