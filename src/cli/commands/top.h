// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/session.h"

namespace sockscope {

struct TopArguments : Arguments {
  TopArguments() { top = 20; }

  // Whether these options are on the command line; those in a configuration file only apply to
  // tables.
  bool chooses_columns = false;
  bool orders_rows = false;
  bool limits_rows = false;

  bool idle = false;       // also rows without open sockets and without traffic
  bool plain = false;      // print tables even on a terminal
  bool read_only = false;  // send no signals to processes
  bool mouse = true;
  bool ascii = false;
  std::string theme;
  std::string graph;
  std::string colour = "auto";

  bool wants_tables() const { return plain || count != 0 || format != OutputFormat::kTable; }
  bool shows_events() const override { return !wants_tables(); }
};

// Runs the full screen. Returns the exit code.
int top_screen(const TopArguments& arguments, const Options& observed);

}  // namespace sockscope
