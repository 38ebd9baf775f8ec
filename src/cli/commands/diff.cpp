// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/command.h"
#include "cli/history_options.h"
#include "cli/history_text.h"
#include "cli/option_groups.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/session.h"
#include "store/comparison.h"
#include "store/question.h"

namespace sockscope {
namespace {

struct DiffArguments : Arguments {
  DiffArguments() { top = 20; }
  std::string base;
  std::string with;
  std::string folder;
  bool exits_with_difference = false;
};

void declare(CLI::App& app, DiffArguments& arguments) {
  in_group(app, "When");
  for (const auto& [name, to, help] :
       {std::tuple{
            "--base", &arguments.base,
            "the time to compare with: FROM..TO, 'FROM for LENGTH', a length before now, or a "
            "file or folder"},
        std::tuple{"--with", &arguments.with, "the time that is asked about, likewise"}})
    add_text(app, name, *to, "RANGE|FILE", help)->required();
  in_group(app, "Which connections");
  add_processes(app, arguments);
  in_group(app, "Where from");
  add_history_folder(app, arguments.folder, "DIR|FILE", "the history");
  add_format(app, arguments, OutputFormat::kJson);
  add_number<std::size_t>(app, "--top", arguments.top, "N", 0, 1'000'000,
                          "how many rows of each kind, 20 by default; 0: all");
  app.add_flag("--exit-code", arguments.exits_with_difference,
               "exit with 1 when something is new or gone, as diff(1) does");
  app.final_callback([&arguments] {
    if (arguments.format == OutputFormat::kCsv)
      throw CLI::ValidationError("-o csv is not for diff");
  });
}

Options observe(const DiffArguments& arguments) {
  return asked_options(arguments);
}

// What is compared, and for how long.
struct Side {
  std::string path;
  store::Range range;
  double seconds = 0;
};

double seconds_between(std::uint64_t from_ns, std::uint64_t to_ns) {
  return static_cast<double>(to_ns - std::min(from_ns, to_ns)) / 1e9;
}

// "14:00..14:10", "yesterday 14:00 for 10m", "1h", or a path.
tl::expected<Side, std::string> parse_side(const std::string& text, const std::string& folder) {
  std::error_code failed;
  if (std::filesystem::exists(text, failed)) {
    Side side{.path = text, .range = {}};
    auto facts = store::facts_of(text, false);
    if (!facts) return tl::make_unexpected(facts.error().message());
    for (const store::FileFacts& file : *facts)
      side.seconds += seconds_between(file.began_ns, file.ended_ns);
    return side;
  }
  RangeOptions options;
  const std::size_t dots = text.find("..");
  const std::size_t word = text.find(" for ");
  if (dots != text.npos) {
    options.from = text.substr(0, dots);
    if (dots + 2 < text.size()) options.to = text.substr(dots + 2);
  } else if (word != text.npos) {
    options.from = text.substr(0, word);
    options.length = text.substr(word + 5);
  } else {
    options.length = text;
  }
  const auto range = parse_range(options, current_time_context());
  if (!range) return tl::make_unexpected(range.error());
  const store::Range wanted = range_of(*range);
  return Side{
      .path = folder, .range = wanted, .seconds = seconds_between(wanted.from_ns, wanted.to_ns)};
}

int run(const DiffArguments& arguments, const Options&) {
  const std::string folder = folder_of(arguments.folder);
  const Fd signals = take_stop_signals();
  Output output(signals.get());
  const auto wanted = selection_of(arguments);
  if (!wanted) return wanted.error();
  struct Asked {
    const char* name;
    const std::string& text;
    Side side = {};
    store::Answer answer = {};
  };
  Asked both[] = {{"--base", arguments.base}, {"--with", arguments.with}};
  for (Asked& each : both) {
    auto side = parse_side(each.text, folder);
    if (!side) {
      report(fmt::format("cannot understand {}: {}", each.name, side.error()), "",
             "see 'sockscope help times'");
      return kExitUsage;
    }
    each.side = std::move(*side);
    auto answer = store::ask(each.side.path, each.side.range, *wanted);
    if (!answer) return report(answer.error());
    each.answer = std::move(*answer);
  }
  const auto found = store::compare(both[0].answer.edges, both[0].side.seconds,
                                    both[1].answer.edges, both[1].side.seconds);
  const auto write = [&output](std::string_view text) { output.piece(text); };
  const DiffSide sides[] = {{both[0].side.range, both[0].side.seconds, both[0].answer.missing},
                            {both[1].side.range, both[1].side.seconds, both[1].answer.missing}};
  if (arguments.is_json())
    write_diff_json(found, sides[0], sides[1], write);
  else
    write_diff(found, sides[0], sides[1], arguments.top, write);
  if (!output.flush()) return output.exit_code();
  bool is_complete = true;
  for (const Asked& each : both) is_complete &= report_unreadable(each.answer.unreadable);
  if (!is_complete) return kExitFailed;
  const bool differs = std::ranges::any_of(
      found, [](const store::Difference& each) { return each.change != store::Change::kChanged; });
  return arguments.exits_with_difference && differs ? kExitFailed : kExitDone;
}

}  // namespace

const Command kDiff = make_command<DiffArguments, declare, observe, run>({
    .name = "diff",
    .usage = "diff --base RANGE --with RANGE",
    .promise = "what is new, gone and changed between two times",
    .summary = "compares two times of a history",
    .examples =
        "What is new, gone and changed between two times of a history: which programs talk to\n"
        "which remote ends and ports, how much, with how many failures.\n"
        "\n"
        "  sockscope diff --base 'yesterday 14:00 for 1h' --with 'today 14:00 for 1h'\n"
        "  sockscope diff --base 13:00..14:00 --with 14:00..15:00 --filter unit:nginx\n"
        "  sockscope diff --base before.scope --with 10m --json\n"
        "  sockscope diff --base '1d ago for 1h' --with 1h --exit-code || echo something is new\n",
    .notes =
        "\nProcesses of one name in one unit or container count together, and all clients' ports.\n"
        "Of what is in both times, it is told that moved twice as much or half as much a second "
        "(and\n"
        "more than 1 kB/s), or failed at least 10 % more or less often.\n",
});

}  // namespace sockscope
