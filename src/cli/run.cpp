// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <fcntl.h>
#include <malloc.h>

#include "cli/arguments.h"
#include "cli/commands.h"

namespace sockscope {
namespace {

// A closed standard file would become one of ours, and our output go into it. Standard output is
// given one that cannot be written to, so that the first write tells.
void occupy_standard_files() {
  for (const int fd : {0, 1, 2})
    if (::fcntl(fd, F_GETFD) == -1) ::open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY);
}

}  // namespace

int run(int argc, char** argv) {
  occupy_standard_files();
  // Set, it stays: else glibc keeps what a snapshot of many sockets took once.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  const ParseOutcome outcome = parse_arguments(argc, argv);
  if (!outcome.arguments) return outcome.exit_code;
  switch (outcome.arguments->command) {
    case Command::kSnapshot: return run_snapshot(*outcome.arguments);
    case Command::kTrace: return run_trace(*outcome.arguments);
    case Command::kDoctor: return run_doctor(*outcome.arguments);
    case Command::kStory: return run_story(*outcome.arguments);
    case Command::kHost: return run_host(*outcome.arguments);
    case Command::kCapture: return run_packets(*outcome.arguments);
    case Command::kTop: break;
  }
  return run_top(*outcome.arguments);
}

}  // namespace sockscope
