// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include "cli/arguments.h"
#include "cli/commands.h"

namespace sockscope {

int run(int argc, char** argv) {
  const ParseOutcome outcome = parse_arguments(argc, argv);
  if (!outcome.arguments) return outcome.exit_code;
  switch (outcome.arguments->command) {
    case Command::kSnapshot: return run_snapshot(*outcome.arguments);
    case Command::kTrace: return run_trace(*outcome.arguments);
    case Command::kTop: break;
  }
  return run_top(*outcome.arguments);
}

}  // namespace sockscope
