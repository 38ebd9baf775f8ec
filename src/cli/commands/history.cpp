// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/history_options.h"
#include "cli/history_text.h"
#include "cli/lookup.h"
#include "cli/option_groups.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/session.h"
#include "store/question.h"

namespace sockscope {
namespace {

enum class Question { kInfo, kVerify, kTop, kWho };

struct HistoryArguments : Arguments {
  HistoryArguments() { top = 20; }
  Question question = Question::kInfo;
  std::string about;
  std::string folder;
  RangeOptions range;
  GroupBy by = GroupBy::kProcess;
};

void declare(CLI::App& app, HistoryArguments& arguments) {
  add_one_of(app, "question", arguments.question, "",
             "info: what is recorded; verify: whether it is sound; top: who moved most; who: who "
             "talked to an address, network or name",
             Words<Question>{{"info", Question::kInfo},
                             {"verify", Question::kVerify},
                             {"top", Question::kTop},
                             {"who", Question::kWho}})
      ->required();
  add_text(app, "about", arguments.about, "",
           "for who: 203.0.113.7, 10.0.0.0/8, or a part of a name");
  in_group(app, "When");
  for (const auto& [name, to, help] :
       {std::tuple{"--from", &arguments.range.from, "from this time, see 'sockscope help times'"},
        std::tuple{"--to", &arguments.range.to, "until this time, now by default"},
        std::tuple{"--for", &arguments.range.length, "how long: 10m, 3d2h"}})
    app.add_option(name, *to, help)->type_name(std::string(name) == "--for" ? "TIME" : "WHEN");
  in_group(app, "Which connections");
  add_processes(app, arguments);
  in_group(app, "Where from");
  add_history_folder(app, arguments.folder, "DIR|FILE", "the history");
  add_format(app, arguments, OutputFormat::kJson);
  add_one_of(
      app, "--by", arguments.by, "WHAT", "top: a row for each process (default), remote, or both",
      Words<GroupBy>{
          {"process", GroupBy::kProcess}, {"remote", GroupBy::kRemote}, {"both", GroupBy::kBoth}});
  add_number<std::size_t>(app, "--top", arguments.top, "N", 0, 1'000'000,
                          "how many rows, 20 by default; 0: all");
  add_expect_match(app, arguments);
  app.final_callback([&app, &arguments] {
    const bool is_who = arguments.question == Question::kWho;
    if (is_who && arguments.about.empty())
      throw CLI::ValidationError("who needs an address, a network or a part of a name");
    if (!is_who && !arguments.about.empty())
      throw CLI::ValidationError("'" + arguments.about + "' is only for who");
    if (arguments.question != Question::kTop) refuse(app, {"--by"}, "is for top");
    if (arguments.question == Question::kInfo || arguments.question == Question::kVerify)
      refuse(app,
             {"--from", "--to", "--for", "--filter", "--pid", "--comm", "--uid", "--unit",
              "--container", "--cgroup", "--top", "--expect-match"},
             "is for top and who");
    if (arguments.format == OutputFormat::kCsv && !is_who && arguments.question != Question::kTop)
      throw CLI::ValidationError("-o csv is for top and who");
  });
}

Options observe(const HistoryArguments& arguments) {
  return asked_options(arguments);
}

// The whole history, where no time is given.
tl::expected<store::Range, std::string> asked_range(const RangeOptions& options) {
  if (!options.from && !options.to && !options.length) return store::Range{};
  return parse_range(options, current_time_context()).map(range_of);
}

int print_facts(const HistoryArguments& arguments, const std::string& path, Output& output) {
  const bool verifies = arguments.question == Question::kVerify;
  auto facts = store::facts_of(path, verifies);
  if (!facts) return report(facts.error());
  const auto write = [&output](std::string_view text) { output.piece(text); };
  arguments.is_json() ? write_facts_json(*facts, write) : write_facts(*facts, verifies, write);
  const bool is_sound = std::all_of(facts->begin(), facts->end(),
                                    [](const auto& file) { return file.problem.empty(); });
  if (!output.flush()) return output.exit_code();
  return is_sound ? kExitDone : kExitFailed;
}

// What `who` asks for, in the filter language.
std::string filter_about(const std::string& about) {
  const std::string address = "dst:" + about;
  return FlowFilter::parse(address, user_id) ? address : "remote_name:" + about;
}

int run(const HistoryArguments& arguments, const Options&) {
  const std::string path = folder_of(arguments.folder);
  const Fd signals = take_stop_signals();
  Output output(signals.get());
  if (arguments.question == Question::kInfo || arguments.question == Question::kVerify)
    return print_facts(arguments, path, output);

  const auto range = asked_range(arguments.range);
  if (!range) {
    report("cannot understand the time: " + range.error(), "", "see 'sockscope help times'");
    return kExitUsage;
  }
  const auto is_selected = selection_of(arguments);
  if (!is_selected) return is_selected.error();
  auto about =
      FlowFilter::parse(arguments.about.empty() ? "" : filter_about(arguments.about), user_id);
  if (!about) {
    report("cannot understand '" + arguments.about + "': " + about.error());
    return kExitUsage;
  }
  auto answer = store::ask(
      path, *range, [&](const Flow& flow) { return (*is_selected)(flow) && about->matches(flow); });
  if (!answer) return report(answer.error());
  const bool is_who = arguments.question == Question::kWho;
  arrange_edges(*answer, is_who ? GroupBy::kBoth : arguments.by);
  const std::size_t all = answer->edges.size();
  if (arguments.top != 0 && all > arguments.top) answer->edges.resize(arguments.top);
  const auto write = [&output](std::string_view text) { output.piece(text); };
  if (arguments.is_json())
    write_answer_json(*answer, *range, is_who ? "who" : "top", write);
  else if (arguments.format == OutputFormat::kCsv)
    write_answer_csv(*answer, write);
  else
    write_answer(*answer, is_who ? GroupBy::kBoth : arguments.by, all, write);
  if (!output.flush()) return output.exit_code();
  if (!report_unreadable(answer->unreadable)) return kExitFailed;
  return arguments.expects_match && all == 0 ? kExitFailed : kExitDone;
}

}  // namespace

const Command kHistory = make_command<HistoryArguments, declare, observe, run>({
    .name = "history",
    .usage = "history QUESTION",
    .promise = "asks what 'record' kept",
    .summary = "who talked to whom, and how much, when nobody looked",
    .examples =
        "Asks the history that 'sockscope record' keeps. It needs no recorder that runs, and no\n"
        "root, only the right to read the files.\n"
        "\n"
        "  sockscope history info                           what is recorded\n"
        "  sockscope history top --from 14:00 --for 10m     which processes moved most\n"
        "  sockscope history top --by remote --from yesterday --filter unit:nginx\n"
        "  sockscope history who 203.0.113.7                which processes talked to it\n"
        "  sockscope history who 10.0.0.0/8 --from '2 days ago' --json\n"
        "  sockscope history verify --dir /mnt/backup       whether the files are sound\n",
    .notes =
        "\nProcesses are shown as they were then. Times in which nothing, or not everything, was\n"
        "recorded are listed below the answer. Files that cannot be read are named, and the exit\n"
        "code is 1.\n",
});

}  // namespace sockscope
