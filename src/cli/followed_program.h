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

// Raises the limit of open files as far as allowed, because watching needs many. A program that is
// run gets the original limit back.
void raise_file_limit();
// Makes writes beyond the file size limit, and to closed pipes, fail with an error as on a full
// disk, so that they are reported where they happen. A program that is run gets the original
// behaviour back.
void keep_write_errors();

// A program that a command runs and follows, with all its descendants (trace -- PROGRAM).
class FollowedProgram {
 public:
  // Starts a process that waits for go() before it becomes the program. To be called before the
  // monitor is opened, so that nothing of the program is missed. The program's standard output is
  // our standard error, because our standard output is for results. Null: `words` is empty. Errors:
  // kIo.
  static Result<std::unique_ptr<FollowedProgram>> start(const std::vector<std::string>& words);
  ~FollowedProgram();  // without go() the program is never run

  // Lets the program run. Errors: kInvalidArgument with the reason when it cannot be run.
  Result<void> go();

  std::uint32_t pid() const noexcept { return static_cast<std::uint32_t>(pid_); }
  int fd() const noexcept {
    return pidfd_.get();
  }                                                              // readable when the program has
                                                                 // ended
  bool take(const Event& event) { return family_.take(event); }  // see Descendants
  const Descendants& family() const noexcept { return family_; }

  // The exit code of the program itself, as in shells: 128 and more when a signal ended it. Empty:
  // it still runs.
  std::optional<int> exit_code();
  // The exit code of the command: the program's, or `own` where that is 0. Reports it when the
  // program still runs.
  int exit_code_or(int own);
  // To be called after a signal asked the command to end. True: the command goes on until the
  // program has ended, which got the signal too if it came from the terminal. The next signal ends
  // the command.
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
  Fd gate_;     // a byte lets it run; closed without one, it exits
  Fd failure_;  // the errno of a failed exec; empty when exec succeeded
  Descendants family_;
  std::optional<int> code_;
};

// What the monitor observes for it: the forks and flows of all processes, from which `take`
// chooses.
void follow_program(Options& options);

// Runs loop(), which returns what ended it (every_interval()), and again when a stop must wait for
// the program. null: there is no program.
template <class Loop>
Result<Wake> until_over(FollowedProgram* program, int stop_fd, Loop loop) {
  auto ended = loop();
  const bool is_stopped = ended && *ended == Wake::kStop;
  return is_stopped && program && program->is_waited_for(stop_fd) ? loop() : std::move(ended);
}

// Calls go() once the monitor observes. Reports what of the program cannot be seen, or why it
// cannot be run. The error is the exit code.
tl::expected<void, int> let_go(FollowedProgram& program, const std::string& name,
                               const Session& session);

}  // namespace sockscope
