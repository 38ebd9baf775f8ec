// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/every_interval.h"
#include "cli/history_options.h"
#include "cli/option_groups.h"
#include "cli/report.h"
#include "cli/session.h"
#include "store/folder.h"
#include "store/recorder.h"
#include "store/writer.h"

namespace sockscope {
namespace {

using std::chrono::milliseconds;

struct RecordArguments : Arguments {
  RecordArguments() { interval = milliseconds(5000); }
  std::string folder;
  store::Limits limits;
  bool with_arguments = false;
};

// "2G", "500M", "1.5Gi", "1000000"
Parsed<std::uint64_t> parse_size(const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const std::string unit(stop, end);
  static constexpr std::string_view kUnits = "kMGT";
  double factor = 1;
  bool is_known = error == std::errc{} && unit.size() <= 2 && number > 0;
  if (is_known && !unit.empty()) {
    const bool is_iec = unit.size() == 2 && unit[1] == 'i';
    const std::size_t power = kUnits.find(unit[0] == 'K' ? 'k' : unit[0]);
    is_known = power != kUnits.npos && (unit.size() == 1 || is_iec);
    for (std::size_t i = 0; is_known && i <= power; ++i) factor *= is_iec ? 1024 : 1000;
  }
  constexpr double kLeast = 16e6;  // some logs of a single commit
  constexpr double kMost = 1e15;
  if (is_known && number * factor >= kLeast && number * factor <= kMost)
    return static_cast<std::uint64_t>(number * factor);
  return tl::make_unexpected("'" + text + "' is no size between 16M and 1000T, such as 500M or 2G");
}

// "14d", "12h"
Parsed<std::uint64_t> parse_age(const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const std::string unit(stop, end);
  const double seconds = number * (unit == "d" ? 86'400 : unit == "h" ? 3600 : 0);
  if (error == std::errc{} && seconds >= 3600 && seconds <= 3.2e9)
    return static_cast<std::uint64_t>(seconds * 1e9);
  return tl::make_unexpected("'" + text + "' is no age of an hour or more, such as 12h or 14d");
}

void declare(CLI::App& app, RecordArguments& arguments) {
  in_group(app, "What is kept");
  add_history_folder(app, arguments.folder, "DIR", "where");
  add_parsed(app, "--max-size", arguments.limits.most_bytes, "SIZE",
             "how much in all, 2G by default; then the oldest goes", parse_size);
  add_parsed(app, "--max-age", arguments.limits.most_age_ns, "AGE", "how long, 14d by default",
             parse_age);
  add_interval(app, arguments, "seconds between two looks at all connections, 5 by default");
  app.add_flag("--arguments", arguments.with_arguments,
               "keep the arguments of processes, which may hold secrets");
  add_quiet_and_strict(app, arguments);
  add_source(app, arguments);
  add_no_dns(app, arguments);
  add_time_limits(app, arguments, "intervals");
}

Options observe(const RecordArguments& arguments) {
  Options options = asked_options(arguments);
  options.quality = false;  // the kernel's counters have what is needed
  options.describe = true;
  options.names = arguments.dns;
  options.late_openings = true;
  options.settle_owner = {};
  // A close whose event was lost must be among the flows of the next snapshot.
  options.keep_closed = std::max(options.keep_closed, 2 * arguments.interval);
  return options;
}

constexpr milliseconds kCommitEvery{1000};
constexpr std::uint64_t kFileNs = std::uint64_t{3600} * 1'000'000'000;

// The present hour of the wall clock.
std::uint64_t hour_of(std::uint64_t wall_ns) {
  return wall_ns / kFileNs;
}

// Says what happens to the disk, once for each trouble.
class Reporter {
 public:
  void look(const store::Writer::Status& status) {
    // A disk in trouble has many reasons in turn, of which the first says most.
    const auto now = std::chrono::steady_clock::now();
    if (status.problem == told_ || (!status.problem.empty() && !told_.empty() && now < next_))
      return;
    next_ = now + std::chrono::minutes(1);
    told_ = status.problem;
    if (told_.empty())
      report(fmt::format("records again; {} rows are missing so far", status.dropped));
    else
      report(told_, "what happens meanwhile is missing from the history", "it goes on by itself");
  }

 private:
  std::string told_;
  std::chrono::steady_clock::time_point next_;
};

int run(const RecordArguments& arguments, const Options& observed) {
  ::umask(0027);
  const std::string path = folder_of(arguments.folder);
  auto folder = store::Folder::open(path);
  if (!folder) return report(folder.error());
  for (const std::string& file : folder->damaged())
    report("a file of an earlier recording is damaged", "it is set aside as " + file);
  auto session = Session::open(arguments, observed, "", true, {.folder = path});
  if (!session) return session.error();
  if (!arguments.quiet)
    report(fmt::format("records into {}, at most {} and {} h", path,
                       format_bytes(arguments.limits.most_bytes),
                       arguments.limits.most_age_ns / kFileNs));
  store::Writer writer(
      std::move(*folder),
      {.host = session->host.name,
       .boot_id = session->host.boot_id,
       .program = fmt::format("sockscope {}", version()),
       .source = session->monitor.source(),
       .interval_ns = static_cast<std::uint64_t>(arguments.interval.count()) * 1'000'000,
       .with_arguments = arguments.with_arguments},
      arguments.limits);
  store::Recorder recorder;
  Reporter reporter;
  const auto take = [&recorder](const Event& event) { recorder.take(event); };
  std::uint64_t hour = 0;
  const auto look = [&]() -> Result<void> {
    auto snapshot = session->snapshot(take);
    if (!snapshot) return tl::make_unexpected(std::move(snapshot).error());
    const std::uint64_t present = hour_of(snapshot->wall_ns);
    if (std::exchange(hour, present) != present || writer.wants_file()) recorder.begin_file();
    recorder.take(*snapshot);
    writer.write(recorder.rows());
    return {};
  };
  if (auto first = look(); !first) return report(first.error());

  Sinks nobody;
  std::uint64_t looks = 0;
  auto next_look = std::chrono::steady_clock::now() + arguments.interval;
  const auto step = [&](Wake wake) -> Result<bool> {
    if (wake == Wake::kFiles)
      return session->monitor.consume(take).map([](std::size_t) { return true; });
    const auto now = std::chrono::steady_clock::now();
    if (now < next_look) {
      writer.write(recorder.rows());
    } else {
      if (auto done = look(); !done) return tl::make_unexpected(std::move(done).error());
      while (next_look <= now) next_look += arguments.interval;
      ++looks;
    }
    reporter.look(writer.status());
    return !arguments.is_enough(looks);
  };
  const auto ended = every_interval(
      {.interval = std::min(arguments.interval, kCommitEvery), .duration = arguments.duration},
      session->stop_fd(), {session->monitor.fd()}, nobody, step);
  if (!ended) return report(ended.error());
  if (auto done = session->monitor.finish(take); !done) return report(done.error());
  if (auto done = look(); !done) return report(done.error());
  recorder.finish();
  writer.write(recorder.rows());
  const store::Writer::Status status = writer.finish(mono_now_ns());
  reporter.look(status);
  if (!arguments.quiet)
    report(fmt::format("{} rows, {} dropped, {} events lost", status.rows, status.dropped,
                       session->monitor.loss().total()));
  return status.problem.empty() ? session->exit_code() : kExitFailed;
}

}  // namespace

const Command kRecord = make_command<RecordArguments, declare, observe, run>({
    .name = "record",
    .usage = "record",
    .promise = "keeps what happens, for 'history'",
    .summary = "keeps a history of all connections",
    .examples =
        "Keeps a history of all connections, their processes and what they moved, until Ctrl-C.\n"
        "'sockscope history' asks it.\n"
        "\n"
        "  sudo sockscope record\n"
        "  sudo sockscope record --max-size 500M --max-age 2d -i 1\n"
        "  sudo sockscope record --dir /tmp/incident -d 3600\n",
    .notes = "\nA file an hour, each an SQLite database (docs/history-format.md). Damaged files "
             "cost no\n"
             "more than their hour. A full or slow disk costs rows, never connections: what is\n"
             "missing is counted, and recording goes on by itself. Some space is always left free: "
             "1 GiB,\n"
             "or a twentieth of a small disk.\n",
    .has_section = true,
});

}  // namespace sockscope
