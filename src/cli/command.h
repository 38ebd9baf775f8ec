// SPDX-License-Identifier: Apache-2.0
// A command of the program as a value. The program, its help, its suggestions and the keys of
// configuration files are made from these. A new command is a file in commands/ and a line at the
// end of this file.
#pragma once

#include <sockscope/monitor.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string_view>

#include "cli/arguments.h"

namespace sockscope {

struct Command {
  std::string_view name;
  std::string_view usage;  // the command line, in the overview
  std::string_view promise;
  std::string_view summary;
  std::string_view examples;  // before the options in the command's own help
  std::string_view notes;     // after the options; may be empty
  // The configuration file has a section with its name, and [keys] for it.
  bool has_section = false;
  bool runs_program = false;  // accepts "-- PROGRAM ARGUMENTS": Arguments::program

  // Adds the command's options to `app`. They fill in the returned arguments, and check that they
  // go together.
  std::unique_ptr<Arguments> (*declare)(CLI::App& app) = nullptr;
  // What the monitor must observe for the command.
  Options (*observe)(const Arguments& arguments) = nullptr;
  // Returns the exit code.
  int (*run)(const Arguments& arguments, const Options& observed) = nullptr;
};

// Makes a command from its texts and functions. `Own` is its kind of Arguments.
template <class Own, void declare(CLI::App&, Own&), Options observe(const Own&),
          int run(const Own&, const Options&)>
constexpr Command make_command(Command texts) {
  texts.declare = [](CLI::App& app) -> std::unique_ptr<Arguments> {
    auto own = std::make_unique<Own>();
    declare(app, *own);
    return own;
  };
  texts.observe = [](const Arguments& given) { return observe(static_cast<const Own&>(given)); };
  texts.run = [](const Arguments& given, const Options& observed) {
    return run(static_cast<const Own&>(given), observed);
  };
  return texts;
}

extern const Command kTop, kSnapshot, kTrace, kDoctor, kStory, kHost, kCapture, kRecord, kHistory,
    kDiff;
// In the order of the help.
inline constexpr const Command* kCommands[] = {&kTop,  &kSnapshot, &kTrace,  &kDoctor,  &kStory,
                                               &kHost, &kCapture,  &kRecord, &kHistory, &kDiff};

}  // namespace sockscope
