// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/trace.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/every_interval.h"
#include "cli/excerpt.h"
#include "cli/followed_program.h"
#include "cli/option_groups.h"
#include "cli/process_text.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/table_choice.h"
#include "cli/time_text.h"
#include "model/fields.h"
#include "model/match.h"
#include "view/flow_text.h"

namespace sockscope {
namespace {

// "lost 12 ring_full": all causes that are not 0.
std::string describe_loss(const Loss& lost) {
  std::string text = "lost ";
  for_each_field(kLossFields, [&](const auto& cause) {
    const std::uint64_t count = lost.*cause.member;
    if (count != 0) text += fmt::format("{}{} {}", text.size() > 5 ? ", " : "", count, cause.name);
  });
  return text;
}

// " www.example.net"; or " www.example.net (host)" when the process itself did not ask for it.
std::string describe_name(const Flow& flow) {
  if (!flow.remote_name) return {};
  const std::string name = ' ' + clean_text(flow.remote_name->name);
  const NameSource source = flow.remote_name->source;
  return source == NameSource::kProcess ? name : fmt::format("{} ({})", name, to_string(source));
}

std::string describe(const Event& event) {
  if (event.kind() == EventKind::kProcess) return describe_process(event);
  const Counters& counters = event.flow.counters;
  switch (event.kind()) {
    case EventKind::kConnect:
      return describe_success(std::get<event::Connect>(event.what)) + describe_name(event.flow);
    case EventKind::kConnectFailed: return describe_failure(event) + describe_name(event.flow);
    case EventKind::kUdpPeer:
    case EventKind::kClose: {
      const auto* const close = std::get_if<event::Close>(&event.what);
      const bool is_counted = event.flow.has_counters;
      std::string text = (is_counted ? format_bytes(counters.rx_bytes) : "—") + "↓ " +
                         (is_counted ? format_bytes(counters.tx_bytes) : "—") + "↑ " +
                         describe_duration(duration_of(event));
      if (is_counted && close && !close->is_final) text += " or more";
      if (counters.retransmits != 0) text += fmt::format(" retr {}", counters.retransmits);
      return text;
    }
    case EventKind::kRetransmit: {
      const auto& again = std::get<event::Retransmit>(event.what);
      return fmt::format("{}{}{} #{}", to_string(event.flow.state),
                         again.segments > 1 ? fmt::format(" {} segments", again.segments) : "",
                         describe_window(again), counters.retransmits);
    }
    case EventKind::kReset:
      return fmt::format("{}, {}", std::get<event::Reset>(event.what).sent ? "sent" : "received",
                         to_string(event.flow.state));
    case EventKind::kState:
      return fmt::format("{} → {}", to_string(std::get<event::StateChange>(event.what).old_state),
                         to_string(event.flow.state));
    case EventKind::kData: return describe_data(std::get<event::Data>(event.what));
    case EventKind::kGap: return describe_loss(std::get<event::Gap>(event.what).lost);
    case EventKind::kRefused: {
      const std::uint64_t attempts = std::get<event::Refused>(event.what).attempts;
      return attempts == 1 ? "no listener" : fmt::format("no listener, {}x", attempts);
    }
    case EventKind::kListenDrop: return describe_drop(std::get<event::ListenDrop>(event.what));
    case EventKind::kDns: return describe_dns(*std::get<event::Dns>(event.what).message);
    case EventKind::kAccept:
    case EventKind::kOwner:
    case EventKind::kAttempt:
    case EventKind::kAlert:
    case EventKind::kProcess: break;
  }
  return "";
}

// One line per event as it happens. Columns have fixed widths, because later lines are not known.
class EventTable : public TextSink {
 public:
  EventTable(Output& output, const TraceArguments& arguments, ColumnList<Flow> columns)
      : TextSink(output), time_(arguments.time), columns_(std::move(columns)) {
    cells_.wide = arguments.wide;
    cells_.units = arguments.units;
    cells_.user_name = user_name;
    cells_.netns_name = netns_name;
  }

  void begin(const Beginning&) override {
    std::string line = fmt::format("{:<{}} {:<14} ", "TIME", time_text_width(time_), "EVENT");
    for (const Column<Flow>* column : columns_) line += pad(*column, column->info().heading) + ' ';
    output_.line(line + "DETAIL");
  }
  void event(const Event& event) override { output_.piece(line(event) + '\n'); }
  bool flush() override {
    offset_ = mono_to_wall_ns();  // the clock may be set while the program runs
    return TextSink::flush();
  }

 private:
  static constexpr std::size_t kLongestCell = 46;
  static constexpr std::size_t kLongestDetail = 100;
  static constexpr std::size_t kLongestName = 15;  // the kernel cuts names of processes to this
                                                   // length
  static constexpr std::size_t kUsualEndpoint = 21;

  std::string line(const Event& event) {
    std::string line =
        fmt::format("{:<{}} {:<14} ", time_of(event), time_text_width(time_), name_of(event));
    if (event.kind() == EventKind::kGap) return line + describe(event);
    cells_.now_ns = event.mono_ns;
    const std::size_t limit = cells_.wide ? kNoLimit : kLongestCell;
    const bool is_flow = event.kind() != EventKind::kProcess;
    for (const Column<Flow>* column : columns_) {
      // An event of a process has neither ends nor figures of a connection.
      const bool is_shown = is_flow || column->info().is_of_process();
      line += pad(*column, is_shown ? cell_text(*column, event.flow, cells_, limit) : "") + ' ';
    }
    return line + shorten_right(describe(event), cells_.wide ? kNoLimit : kLongestDetail);
  }

  static std::string pad(const Column<Flow>& column, std::string_view text) {
    const ColumnInfo& info = column.info();
    const std::size_t usual = info.kind == ValueKind::kEndpoint ? kUsualEndpoint
                              : info.id == ColumnId::kComm      ? kLongestName
                                                                : 0;
    const std::size_t width = std::max({column.width, info.heading.size(), usual});
    return info.is_text() ? pad_right(text, width) : pad_left(text, width);
  }

  std::string time_of(const Event& event) const {
    const auto wall =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(event.mono_ns) + offset_);
    return time_text(time_, wall, event.mono_ns > start_ns_ ? event.mono_ns - start_ns_ : 0);
  }

  TimeFormat time_;
  ColumnList<Flow> columns_;
  CellOptions cells_;
  std::int64_t offset_ = mono_to_wall_ns();
  std::uint64_t start_ns_ = mono_now_ns();
};

bool has_failed(const Event& event) {
  if (const auto* const dns = std::get_if<event::Dns>(&event.what))
    return dns->message->is_unanswered ||
           (dns->message->is_answer && dns->message->rcode != dns::kNoError);
  return event.kind() == EventKind::kConnectFailed;
}

// "latency_us,duration_us,error,dns_name": what an event has besides its flow; empty: not known, or
// none.
std::string figures_of(const Event& event, const CellOptions& cells) {
  std::optional<std::uint64_t> latency_us;
  std::optional<std::uint64_t> duration_us;
  std::string error;
  std::string name;
  if (const auto* const connect = std::get_if<event::Connect>(&event.what)) {
    if (connect->latency_us != 0) latency_us = connect->latency_us;
  } else if (const auto* const failed = std::get_if<event::ConnectFailed>(&event.what)) {
    if (failed->latency_us != 0) latency_us = failed->latency_us;
    error = errno_name(failed->error);
  } else if (const auto* const dns = std::get_if<event::Dns>(&event.what)) {
    latency_us = dns->message->latency_us;
    name = csv_text(clean_text(dns->message->name), cells);
    if (dns->message->is_unanswered)
      error = "timeout";
    else if (has_failed(event))
      error = dns::rcode_name(dns->message->rcode);
  } else if (event.kind() == EventKind::kClose || event.kind() == EventKind::kUdpPeer) {
    duration_us = duration_of(event);
  }
  const auto number = [](const std::optional<std::uint64_t>& value) {
    return value ? std::to_string(*value) : std::string();
  };
  return fmt::format("{},{},{},{}", number(latency_us), number(duration_us), error, name);
}

class EventCsv : public TextSink {
 public:
  EventCsv(Output& output, ColumnList<Flow> columns, bool spreadsheet)
      : TextSink(output), columns_(std::move(columns)), cells_{.spreadsheet = spreadsheet} {}

  void begin(const Beginning&) override {
    output_.line("ts_ns,event," + render_csv<Flow>({}, columns_, cells_)[0] +
                 ",latency_us,duration_us,error,dns_name");
  }
  void event(const Event& event) override {
    const Flow* row = &event.flow;
    const auto wall =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(event.mono_ns) + mono_to_wall_ns());
    output_.piece(fmt::format("{},{},{},{}\n", wall, name_of(event),
                              render_csv<Flow>({&row, 1}, columns_, cells_)[1],
                              figures_of(event, cells_)));
  }

 private:
  ColumnList<Flow> columns_;
  CellOptions cells_;
};

constexpr ColumnId kTableColumns[] = {ColumnId::kPid, ColumnId::kComm, ColumnId::kProto,
                                      ColumnId::kLocal, ColumnId::kRemote};
constexpr auto kCsvColumns = [] {
  using enum ColumnId;
  return std::to_array({kProto, kLocal, kRemote, kDirection, kPid, kOpenerPid, kComm, kUid, kOwner,
                        kState, kRxBytes, kTxBytes, kRetransmits, kRtt, kCookie, kNetns});
}();

bool is_wanted(const TraceArguments& arguments, const FlowFilter& filter, const Event& event) {
  if (event.kind() == EventKind::kGap) return true;
  if (event.kind() == EventKind::kOwner) return false;
  if (event.kind() == EventKind::kProcess && !arguments.options.processes) return false;
  if (arguments.fails_only && !has_failed(event)) return false;
  return filter.matches(event);
}

// Observes the events that the filter names.
void observe_named_events(TraceArguments& arguments) {
  const auto filter = FlowFilter::parse(arguments.filter, user_id);
  if (!filter) return;  // the error is reported where the filter is used
  Options& options = arguments.options;
  options.dns |= filter->names(EventKind::kDns) ||
                 (arguments.fails_only && arguments.dns && !filter->asks_for_events());
  options.processes |= filter->names(EventKind::kProcess);
  options.states |= filter->names(EventKind::kState);
  options.data |= filter->names(EventKind::kData);
  options.udp_peers |= filter->names(EventKind::kUdpPeer);
  options.attempts |= filter->names(EventKind::kAttempt);
  options.refusals |= filter->names(EventKind::kRefused);
  options.listen_drops |= filter->names(EventKind::kListenDrop);
}

void declare(CLI::App& app, TraceArguments& arguments) {
  add_selection(app, arguments);
  add_output(app, arguments, OutputFormat::kNdjson);
  add_source(app, arguments);
  add_exact_owner(app, arguments);
  add_nat(app, arguments);
  add_udp_peers(app, arguments);
  Options& options = arguments.options;
  in_group(app, "Which events");
  app.add_flag("-x,--fails", arguments.fails_only,
               "only what fails: connections, names that were not found, queries that nobody "
               "answered; looks at every DNS message unless --no-dns");
  app.add_flag("--processes", options.processes,
               "also fork, exec, exit and changes of identity of processes");
  app.add_flag("--dns", options.dns,
               "also DNS queries and answers; remote ends get the name that was asked for");
  app.add_flag_callback(
      "--attempts", [&options] { options.attempts = options.refusals = true; },
      "also each connection attempt, and attempts from outside that meet no listener");
  app.add_flag("--listen-drops", options.listen_drops,
               "also what listening sockets drop because their queue is full");
  app.add_flag("--states", options.states, "also every TCP state change");
  app.add_flag("--data", options.data, "also each send and receive; select with -p, -c or ports");
  add_number<std::size_t>(app, "--ring-kib", arguments.ring_kib, "KIB", 4, 1u << 20,
                          "size of the kernel's event buffer, 16384 by default");
  in_group(app, "Output");
  add_expect_match(app, arguments);
  app.add_flag("--describe", options.describe,
               "JSON: all that is known of each process; implied by --processes");
  add_one_of(app, "-t,--timestamps", arguments.time, "[FORMAT]",
             "abs (time of day, default), rel (seconds since start), iso, ns (Unix)",
             Words<TimeFormat>{{"", TimeFormat::kTimeOfDay},
                               {"abs", TimeFormat::kTimeOfDay},
                               {"rel", TimeFormat::kRelative},
                               {"iso", TimeFormat::kIso},
                               {"ns", TimeFormat::kNanoseconds}})
      ->expected(0, 1);
  in_group(app, "Alerts");
  app.add_flag("--alerts", arguments.alerts,
               "scans, beacons, tunnels, floods and failures instead of single events");
  add_thresholds(app, arguments);
  add_no_dns(app, arguments);
  add_resolve(app, arguments);
  add_time_limits(app, arguments, "events");
  app.final_callback([&app, &arguments] {
    if (!arguments.alerts) {
      observe_named_events(arguments);
      if (!arguments.fails_only) refuse(app, {"--no-dns"}, "needs --alerts or --fails");
      return refuse(app, {"--threshold", "--allow-domain"}, "needs --alerts");
    }
    refuse(app,
           {"--fails", "--processes", "--attempts", "--listen-drops", "--states", "--data", "--dns",
            "--columns", "--resolve", "--udp-peers", "--nat", "--expect-match"},
           "excludes --alerts");
    if (arguments.format == OutputFormat::kCsv)
      throw CLI::ValidationError("--alerts has no CSV: use --json");
  });
}

Options observe(const TraceArguments& arguments) {
  Options options = asked_options(arguments);
  options.ring_bytes = arguments.ring_kib << 10;
  options.describe |= options.processes;
  if (arguments.alerts) {
    options.dns = arguments.dns;
    options.refusals = true;
    options.settle_owner = {};  // alerts do not need to know which process serves an accepted
                                // connection
  }
  if (!arguments.program.empty()) follow_program(options);
  return options;
}

int run(const TraceArguments& arguments, const Options& observed) {
  const bool is_csv = arguments.format == OutputFormat::kCsv;
  const std::span<const ColumnId> usual =
      is_csv ? std::span<const ColumnId>(kCsvColumns) : kTableColumns;
  std::vector<ColumnId> shown(usual.begin(), usual.end());
  if (observed.translations) shown.push_back(ColumnId::kNat);
  auto columns = choose_columns<Flow>(arguments, shown);
  if (!columns) return kExitUsage;
  const auto chosen = FlowMatcher::compile(arguments.options.filter);
  if (!chosen) return report(chosen.error());
  if (arguments.alerts && !arguments.program.empty()) {
    report("--alerts runs no program", "", "leave out --alerts, or what follows --");
    return kExitUsage;
  }
  if (refuses_internals(observed, "trace")) return kExitUsage;
  auto started = FollowedProgram::start(arguments.program);
  if (!started) return report(started.error());
  FollowedProgram* const program = started->get();
  auto session = Session::open(arguments, observed, "; no retransmit and reset events");
  if (!session) return session.error();
  if (arguments.alerts) return trace_alerts(arguments, *session);

  Monitor& monitor = session->monitor;
  Output& output = session->output;
  std::optional<Excerpt> excerpt;
  if (!arguments.columns.empty()) excerpt = excerpt_of<Flow>(*columns);
  Sinks sinks = make_sinks(
      arguments, output, session->host,
      [&]() -> std::unique_ptr<Sink> {
        if (is_csv)
          return std::make_unique<EventCsv>(output, std::move(*columns), arguments.spreadsheet);
        return std::make_unique<EventTable>(output, arguments, std::move(*columns));
      },
      std::move(excerpt));
  std::uint64_t printed = 0;
  std::uint64_t matched = 0;  // gaps do not count
  std::array<std::uint64_t, static_cast<std::size_t>(EventKind::kGap) + 1> seen{};
  const auto take = [&](const Event& event) {
    const bool is_gap = event.kind() == EventKind::kGap;
    if (program && !program->take(event) && !is_gap) return;
    if (arguments.is_enough(printed) || !is_wanted(arguments, session->filter, event)) return;
    if (program && !is_gap && !(*chosen)(event.flow)) return;
    ++seen[static_cast<std::size_t>(event.kind())];
    ++printed;
    matched += is_gap ? 0 : 1;
    sinks.tell(&Sink::event, event);
  };
  sinks.tell(&Sink::begin, {session->host, monitor.source(), session->doors()});
  if (!sinks.flush()) return sinks.exit_code();
  std::vector<int> files{monitor.fd()};
  if (program) {
    if (auto done = let_go(*program, arguments.program[0], *session); !done) {
      sinks.tell(&Sink::end, {printed, monitor.loss()});
      sinks.flush();
      return done.error();
    }
    files.push_back(program->fd());
  }
  const auto step = [&](Wake wake) -> Result<bool> {
    if (wake == Wake::kTime) return false;
    const bool is_over = program && program->exit_code();
    return monitor.consume(take).map(
        [&](std::size_t) { return !is_over && !arguments.is_enough(printed); });
  };
  const auto ended = until_over(program, session->stop_fd(), [&] {
    return every_interval({.duration = arguments.duration}, session->stop_fd(), files, sinks, step);
  });
  if (!ended) return report(ended.error());
  if (*ended == Wake::kReaderGone) return sinks.exit_code();
  // Events from before the end are still on their way, at most as long as owners are waited for.
  const auto settled =
      std::chrono::steady_clock::now() + observed.settle_owner + 2 * observed.batch;
  while (!arguments.is_enough(printed) && std::chrono::steady_clock::now() < settled)
    if (const auto done = monitor.poll(observed.batch, take); !done) return report(done.error());
  if (!arguments.is_enough(printed))
    if (const auto done = monitor.finish(take); !done) return report(done.error());
  sinks.tell(&Sink::end, {printed, monitor.loss()});
  if (!sinks.flush()) return sinks.exit_code();
  if (!arguments.is_json() && !arguments.quiet) {
    std::string summary;
    for (std::size_t kind = 0; kind < seen.size(); ++kind)
      if (seen[kind] != 0)
        summary += fmt::format("{} {}, ", seen[kind], to_string(static_cast<EventKind>(kind)));
    report(fmt::format("{}lost {}", summary, monitor.loss().total()));
  }
  const int code = session->exit_code(matched != 0);
  return program ? program->exit_code_or(code) : code;
}

}  // namespace

const Command kTrace = make_command<TraceArguments, declare, observe, run>({
    .name = "trace",
    .usage = "trace [-- PROGRAM]",
    .promise = "connections as they come and go",
    .summary = "a line per event",
    .examples =
        "A line per event as it happens: connect, accept, connect_failed, close, retransmit, "
        "reset.\n"
        "\n"
        "  sudo sockscope trace                  until Ctrl-C\n"
        "  sudo sockscope trace -x               what fails: connections and DNS\n"
        "  sudo sockscope trace -p 1234 --data   each send and receive of one process\n"
        "  sudo sockscope trace --dns            also DNS queries and answers, and names of "
        "remote ends\n"
        "  sudo sockscope trace --filter rcode:nxdomain,servfail,unanswered   DNS that fails\n"
        "  sudo sockscope trace --udp-peers      also remote ends of unconnected UDP sockets\n"
        "  sudo sockscope trace --dns -- ./script   runs it, and shows it and all that it starts\n"
        "  sudo sockscope trace --alerts         port scans, beacons, floods, failures\n"
        "  sudo sockscope trace --json -d 60 >connections.ndjson\n"
        "  sudo sockscope trace --json --columns pid,comm,remote   these members, besides what "
        "happened\n",
    .notes =
        "\nPolled sources (--source sock_diag, procfs) show the differences between two polls:\n"
        "connections shorter than 250 ms can be missed.\n"
        "\nA gap line says what was lost at that point. A JSON stream ends with a record of how\n"
        "many events there were, and what was lost.\n",
    .runs_program = true,
});

}  // namespace sockscope
