// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/process_text.h"
#include "cli/report.h"
#include "cli/session.h"
#include "model/match.h"

namespace sockscope {
namespace {

// How long the kernel takes at the most to close what a process that ended had open.
constexpr std::uint64_t kPatienceNs = 100'000'000;
constexpr std::chrono::milliseconds kLookAgain{50};

// What was asked for is looked for in the story's end: a process gets its name after its first
// connections, and its connections come from several.
bool is_wanted(const Arguments& arguments, const FlowMatcher& matcher, const FlowFilter& filter,
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
  StoryCommand(const Arguments& arguments, const FlowMatcher& matcher, Session& session)
      : arguments_(arguments), matcher_(matcher), session_(session), json_(mono_to_wall_ns()) {}

  int run();

 private:
  bool is_json() const { return arguments_.format != OutputFormat::kTable; }
  bool is_done() const { return arguments_.count != 0 && printed_ >= arguments_.count; }
  void print(const Story& story);

  const Arguments& arguments_;
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

}  // namespace

int run_story(const Arguments& arguments) {
  auto matcher = FlowMatcher::compile(arguments.options.filter);
  if (!matcher) return report(matcher.error());
  // The library is to tell of all processes: what is wanted shows at their end.
  Arguments all = arguments;
  all.options.filter = {};
  int exit_code = kExitDone;
  auto session = Session::open(all, exit_code);
  if (!session) return exit_code;
  return StoryCommand(arguments, *matcher, *session).run();
}

}  // namespace sockscope
