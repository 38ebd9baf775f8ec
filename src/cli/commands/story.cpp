// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/option_groups.h"
#include "cli/process_text.h"
#include "cli/report.h"
#include "cli/session.h"
#include "model/match.h"

namespace sockscope {
namespace {

// How long the kernel takes at the most to close what a process that ended had open.
constexpr std::uint64_t kPatienceNs = 100'000'000;
constexpr std::chrono::milliseconds kLookAgain{50};

struct StoryArguments : Arguments {
  bool talkers_only = false;  // only processes that had to do with the network
};

// What was asked for is looked for in the story's end: a process gets its name after its first
// connections, and its connections come from several.
bool is_wanted(const StoryArguments& arguments, const FlowMatcher& matcher, const FlowFilter& filter,
               const Story& story) {
  if (arguments.talkers_only && story.connections == 0 && story.failed == 0) return false;
  Flow flow;
  flow.owner.pid = story.process->pid;
  flow.owner.comm = story.process->comm;
  flow.owner.uid = story.process->uid;
  flow.owner.process = story.process;
  flow.netns = story.process->netns;
  return matcher(flow) && filter.matches(flow);
}

class StoryCommand {
 public:
  StoryCommand(const StoryArguments& arguments, const FlowMatcher& matcher, Session& session)
      : arguments_(arguments), matcher_(matcher), session_(session), json_(mono_to_wall_ns()) {}

  int run();

 private:
  bool is_json() const { return arguments_.format != OutputFormat::kTable; }
  bool is_done() const { return arguments_.is_enough(printed_); }
  void print(const Story& story);

  const StoryArguments& arguments_;
  const FlowMatcher& matcher_;
  Session& session_;
  EventWriter json_;
  StoryBook book_{kPatienceNs};
  std::uint64_t printed_ = 0;
};

void StoryCommand::print(const Story& story) {
  if (is_done() || !is_wanted(arguments_, matcher_, session_.filter, story)) return;
  ++printed_;
  if (is_json())
    json_.story(story, session_.output.text());
  else
    session_.output.line(story_text(story));
}

int StoryCommand::run() {
  const auto write = [this](const Story& story) { print(story); };
  const auto take = [&](const Event& event) {
    if (event.kind == EventKind::kGap && !is_json())
      session_.output.line(fmt::format("gap: lost {}", event.lost.total()));
    if (event.kind == EventKind::kGap && is_json()) json_.event(event, session_.output.text());
    book_.apply(event, write);
  };
  if (is_json())
    json_.start(session_.host, wall_now_ns(), session_.monitor.source(), session_.monitor.doors(),
                session_.output.text());
  auto before = session_.monitor.snapshot();
  if (!before) return report(before.error());
  for (const Flow& flow : before->flows) book_.add(flow);
  if (!session_.output.flush()) return session_.output.exit_code();

  using Clock = std::chrono::steady_clock;
  const auto deadline =
      arguments_.duration ? Clock::now() + *arguments_.duration : Clock::time_point::max();
  while (!is_done()) {
    json_.set_clock_offset(mono_to_wall_ns());
    const auto look_again = Clock::now() + kLookAgain;
    const bool is_last = deadline <= look_again;
    const Session::Wake wake =
        session_.wait_until(book_.is_waiting() && !is_last ? look_again : deadline);
    if (wake == Session::Wake::kReaderGone) return kExitDone;
    const auto done = session_.monitor.consume(take);
    if (!done) return report(done.error());
    book_.release(mono_now_ns(), write);
    if (!session_.output.flush()) return session_.output.exit_code();
    if (wake == Session::Wake::kStop || Clock::now() >= deadline) break;
  }
  if (const auto done = session_.monitor.finish(take); !done) return report(done.error());
  book_.release(~std::uint64_t{0}, write);
  const Loss& lost = session_.monitor.loss();
  if (is_json()) json_.end(wall_now_ns(), printed_, lost, session_.output.text());
  if (!session_.output.flush()) return session_.output.exit_code();
  if (!is_json() && !arguments_.quiet)
    fmt::print(stderr, "sockscope: {} processes, lost {}\n", printed_, lost.total());
  return session_.exit_code();
}

void declare(CLI::App& app, StoryArguments& arguments) {
  const std::string group = "Which processes";
  add_processes(app, arguments, group);
  app.add_flag("--talkers", arguments.talkers_only, "only those that had connections")
      ->group(group);
  app.add_flag_callback("--json", [&arguments] { arguments.format = OutputFormat::kNdjson; },
                        "an object per line")
      ->group("Output");
  add_quiet_and_strict(app, arguments);
  add_source(app, arguments);
  add_time_limits(app, arguments, "processes");
}

Options observe(const StoryArguments& arguments) {
  Options options = asked_options(arguments);
  // Of all processes: what is wanted shows at their end.
  options.filter = {};
  options.processes = true;
  options.describe = true;
  options.quality = false;
  options.settle_owner = {};
  return options;
}

int run(const StoryArguments& arguments, const Options& observed) {
  auto matcher = FlowMatcher::compile(arguments.options.filter);
  if (!matcher) return report(matcher.error());
  int exit_code = kExitDone;
  auto session = Session::open(arguments, observed, "", exit_code);
  if (!session) return exit_code;
  return StoryCommand(arguments, *matcher, *session).run();
}

}  // namespace

const Command kStory = make_command<StoryArguments, declare, observe, run>({
    .name = "story",
    .usage = "story",
    .promise = "what each process did, when it ends",
    .summary = "a line per process when it ends",
    .examples =
        "A line per process when it ends: who it was, what it did on the network, how it ended.\n"
        "\n"
        "  sudo sockscope story                  until Ctrl-C\n"
        "  sudo sockscope story -c curl -d 60\n"
        "  sudo sockscope story --talkers --unit nginx\n"
        "  sudo sockscope story --json | jq 'select(.exit_code != 0)'\n",
    .notes = "",
});

}  // namespace sockscope
