// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/session.h"

namespace sockscope {

struct TopArguments : Arguments {
  TopArguments() { top = 20; }

  bool idle = false;       // also what neither is open nor moved bytes
  bool plain = false;      // tables even on a terminal
  bool read_only = false;  // no signals to processes
  bool mouse = true;
  bool ascii = false;
  std::string theme;
  std::string graph;
  std::string colour = "auto";
};

// The full screen. Returns the exit code.
int top_screen(const TopArguments& arguments, const Options& observed);

}  // namespace sockscope
