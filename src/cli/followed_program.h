// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/monitor.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "cli/every_interval.h"
#include "cli/session.h"
#include "model/descendants.h"

namespace sockscope {

// Descriptors for as many as are allowed: watching takes many. A program that is run gets back what
// there was.
void raise_file_limit();
// Writes that nobody takes fail, as those to a full disk do: both are told where they happen. A
// program that is run gets back what there was, as of the limit.
void keep_write_errors();

// A program that a command runs and follows with all its descendants (trace -- PROGRAM).
class FollowedProgram {
 public:
  // Starts a process that waits for go() before it becomes the program: before the monitor is open,
  // so that nothing of it is missed. Its standard output is our standard error: ours is for what is
  // told of it. Null: `words` are none. Errors: kIo.
  static Result<std::unique_ptr<FollowedProgram>> start(const std::vector<std::string>& words);
  ~FollowedProgram();  // a program that was never let go is not run

  // Lets it run. Errors: kInvalidArgument when it cannot be run, with the reason.
  Result<void> go();

  int fd() const noexcept { return pidfd_.get(); }               // readable when it has ended
  bool take(const Event& event) { return family_.take(event); }  // as Descendants
  const Descendants& family() const noexcept { return family_; }

  // Of the program itself, as shells have it: 128 and more when a signal ended it. Empty: it goes
  // on.
  std::optional<int> exit_code();
  // What a command ends with: the program's code, or, where that is 0, `own`. That the program goes
  // on is reported.
  int exit_code_or(int own);
  // After a signal that wants the command to end: whether it goes on nevertheless, until the
  // program has ended, which had the signal too when it came from the terminal. The next one ends
  // it.
  bool is_waited_for(int stop_fd);

 private:
  FollowedProgram(pid_t pid, Fd pidfd, Fd gate, Fd failure)
      : pid_(pid),
        pidfd_(std::move(pidfd)),
        gate_(std::move(gate)),
        failure_(std::move(failure)),
        family_(static_cast<std::uint32_t>(pid)) {}

  pid_t pid_;
  Fd pidfd_;
  Fd gate_;     // a byte lets it run; closed without one, it ends
  Fd failure_;  // errno of an exec that failed; nothing when it did not
  Descendants family_;
  std::optional<int> code_;
};

// What the monitor observes for it: everybody's forks and flows, of which `take` chooses.
void follow_program(Options& options);

// loop(), which gives what ended it (every_interval()), and once more where a stop waits for the
// program. null: there is none.
template <class Loop>
Result<Wake> until_over(FollowedProgram* program, int stop_fd, Loop loop) {
  auto ended = loop();
  const bool is_stopped = ended && *ended == Wake::kStop;
  return is_stopped && program && program->is_waited_for(stop_fd) ? loop() : std::move(ended);
}

// go(), when the monitor observes; what of it is not seen is reported, and why it cannot be run.
// The error is the exit code.
tl::expected<void, int> let_go(FollowedProgram& program, const std::string& name,
                               const Session& session);

}  // namespace sockscope
