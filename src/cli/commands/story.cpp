// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/every_interval.h"
#include "cli/followed_program.h"
#include "cli/option_groups.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/story_text.h"
#include "model/diagnosis.h"
#include "model/match.h"

namespace sockscope {
namespace {

// The longest time in which the kernel closes what an exited process had open.
constexpr std::uint64_t kPatienceNs = 100'000'000;
constexpr std::chrono::milliseconds kLookAgain{50};

struct StoryArguments : Arguments {
  bool talkers_only = false;  // only processes that used the network
  bool tree = false;          // at the end, children below their parents
};

// The finished story is compared with the filter, because a process may change its name after its
// first connections, and has several connections.
bool is_wanted(const StoryArguments& arguments, const FlowMatcher& matcher,
               const FlowFilter& filter, const Story& story) {
  // A tree also shows the parents of talkers, so it leaves out processes itself.
  if (arguments.talkers_only && !arguments.tree && story.connections == 0 && story.failed == 0)
    return false;
  Flow flow;
  flow.owner.pid = story.process->pid;
  flow.owner.comm = story.process->comm;
  flow.owner.uid = story.process->uid;
  flow.owner.process = story.process;
  flow.netns = story.process->netns;
  return matcher(flow) && filter.matches(flow);
}

class StoryText : public TextSink {
 public:
  using TextSink::TextSink;
  void story(const Story& story) override { print(story_lines(story, output_.width())); }
  void event(const Event& event) override {
    output_.line(fmt::format("gap: lost {}", std::get<event::Gap>(event.what).lost.total()));
  }

 protected:
  void print(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) output_.line(line);
  }
};

class StoryTree : public StoryText {
 public:
  StoryTree(Output& output, bool talkers_only) : StoryText(output), talkers_only_(talkers_only) {}
  void story(const Story& story) override {
    if (stories_.size() < kMost)
      stories_.push_back(story);
    else
      ++left_out_;
  }
  void end(const Ending&) override {
    print(story_tree(stories_, talkers_only_, output_.width()));
    if (left_out_ != 0)
      output_.line(
          fmt::format("{} more are not in the tree: it has the first {}", left_out_, kMost));
  }

 private:
  static constexpr std::size_t kMost = 100'000;
  bool talkers_only_;
  std::vector<Story> stories_;
  std::uint64_t left_out_ = 0;
};

// Without it a story has no UDP socket.
void report_without_udp(const std::vector<Door>& doors) {
  for (const Door& door : unobserved(doors))
    if (door.observation == Observation::kUdpClose)
      report("UDP sockets are not in the stories, because their end is not observed: " +
             door.refused.substr(0, door.refused.find('\n')));
}

void declare(CLI::App& app, StoryArguments& arguments) {
  in_group(app, "Which processes");
  add_processes(app, arguments);
  app.add_flag("--talkers", arguments.talkers_only,
               "only processes that had connections, or tried to");
  in_group(app, "Output");
  app.add_flag("--tree", arguments.tree,
               "at the end: children below their parents, each parent with the sum of all below");
  app.add_flag_callback(
      "--json", [&arguments] { arguments.format = OutputFormat::kNdjson; }, "an object per line");
  add_expect_match(app, arguments);
  add_quiet_and_strict(app, arguments);
  add_source(app, arguments);
  add_no_dns(app, arguments);
  add_time_limits(app, arguments, "processes");
  app.final_callback([&app, &arguments] {
    // Every story has these: that they cannot be observed is said as if they had been asked for.
    arguments.options.dns = arguments.dns;
    arguments.options.udp_peers = true;
    if (app.count("--tree") != 0) refuse(app, {"--json"}, "has ppid: it excludes --tree");
  });
}

Options observe(const StoryArguments& arguments) {
  Options options = asked_options(arguments);
  // All processes are observed, because only at the end of one it is known whether it is wanted.
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
  if (refuses_internals(observed, "story")) return kExitUsage;
  auto started = FollowedProgram::start(arguments.program);
  if (!started) return report(started.error());
  FollowedProgram* const program = started->get();
  auto session = Session::open(arguments, observed, "");
  if (!session) return session.error();
  Monitor& monitor = session->monitor;
  if (!arguments.quiet) report_without_udp(monitor.doors());
  Sinks sinks =
      make_sinks(arguments, session->output, session->host, [&]() -> std::unique_ptr<Sink> {
        if (arguments.tree)
          return std::make_unique<StoryTree>(session->output, arguments.talkers_only);
        return std::make_unique<StoryText>(session->output);
      });
  StoryBook book(kPatienceNs, {.dns = is_observed(monitor.doors(), Observation::kDnsMessages),
                               .udp_peers = is_observed(monitor.doors(), Observation::kUdpPeers)});
  std::uint64_t printed = 0;
  StorySum sum;
  const auto write = [&](const Story& story) {
    if (program && !program->family().contains(story.process->pid)) return;
    if (arguments.is_enough(printed) || !is_wanted(arguments, *matcher, session->filter, story))
      return;
    ++printed;
    sum.add(story);
    sinks.tell(&Sink::story, story);
  };
  const auto take = [&](const Event& event) {
    if (program) program->take(event);
    if (event.kind() == EventKind::kGap) sinks.tell(&Sink::event, event);
    book.apply(event, write);
  };
  sinks.tell(&Sink::begin, {session->host, monitor.source(), session->doors()});
  auto before = session->snapshot(take);
  if (!before) return report(before.error());
  for (const Flow& flow : before->flows) book.add(flow);
  if (!sinks.flush()) return sinks.exit_code();
  std::vector<int> files{monitor.fd()};
  if (program) {
    book.began(program->pid(), mono_now_ns());
    if (auto done = let_go(*program, arguments.program[0], *session); !done) {
      sinks.tell(&Sink::end, {printed, monitor.loss()});
      sinks.flush();
      return done.error();
    }
    files.push_back(program->fd());
  }

  const auto step = [&](Wake) -> Result<bool> {
    if (const auto done = monitor.consume(take); !done) return tl::make_unexpected(done.error());
    book.release(mono_now_ns(), write);
    return !arguments.is_enough(printed) && !(program && program->exit_code());
  };
  const auto ended = until_over(program, session->stop_fd(), [&] {
    return every_interval({.interval = kLookAgain,
                           .duration = arguments.duration,
                           .only_while = [&book] { return book.is_waiting(); }},
                          session->stop_fd(), files, sinks, step);
  });
  if (!ended) return report(ended.error());
  if (*ended == Wake::kReaderGone) return sinks.exit_code();
  // The events of the program's end, and of what the kernel closes after it, are still on their
  // way.
  const std::uint64_t settled = mono_now_ns() + kPatienceNs;
  while (program && mono_now_ns() < settled)
    if (const auto done = monitor.poll(kLookAgain, take); !done) return report(done.error());
  if (const auto done = monitor.finish(take); !done) return report(done.error());
  book.release(~std::uint64_t{0}, write);
  sinks.tell(&Sink::end, {printed, monitor.loss()});
  if (!sinks.flush()) return sinks.exit_code();
  if (!arguments.is_json() && !arguments.quiet)
    report(fmt::format("{}, lost {}", sum.text(), monitor.loss().total()));
  const int code = session->exit_code(printed != 0);
  return program ? program->exit_code_or(code) : code;
}

}  // namespace

const Command kStory = make_command<StoryArguments, declare, observe, run>({
    .name = "story",
    .usage = "story [-- PROGRAM]",
    .promise = "what each process did, when it ends",
    .summary = "each process when it ends, and its remote ends",
    .examples =
        "Each process when it ends: who it was, what it did on the network, and how it ended; "
        "below\n"
        "that its command line and its remote ends.\n"
        "\n"
        "  sudo sockscope story                  until Ctrl-C\n"
        "  sudo sockscope story -c curl -d 60\n"
        "  sudo sockscope story --talkers --unit nginx\n"
        "  sudo sockscope story -- ./script      runs it: a line for it and for each process "
        "that it starts\n"
        "  sudo sockscope story --tree -- ./script   the same as a tree, with sums\n"
        "  sudo sockscope story --json | jq 'select(.exit_code != 0)'\n",
    .notes = "",
    .runs_program = true,
});

}  // namespace sockscope
