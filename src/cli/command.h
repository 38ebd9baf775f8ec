// SPDX-License-Identifier: Apache-2.0
// One command of the program, as a value: the program, its help, its suggestions and the
// configuration file's keys are made of these. A new one is a file of commands/ and a line at the
// end of this one.
#pragma once

#include <sockscope/monitor.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string_view>

#include "cli/arguments.h"

namespace sockscope {

struct Command {
  std::string_view name;
  std::string_view usage;  // what is typed, in the overview
  std::string_view promise;
  std::string_view summary;
  std::string_view examples;  // before the options in its own help
  std::string_view notes;     // after them; may be empty
  // The configuration file has a section of its name, and [keys] for it.
  bool has_section = false;
  bool runs_program = false;  // "-- PROGRAM ARGUMENTS": Arguments::program

  // Adds the options to `app`, which fill in what is returned and check that they fit together.
  std::unique_ptr<Arguments> (*declare)(CLI::App& app) = nullptr;
  // What the monitor is to observe for it.
  Options (*observe)(const Arguments& arguments) = nullptr;
  // Returns the exit code.
  int (*run)(const Arguments& arguments, const Options& observed) = nullptr;
};

// `texts` with the functions of a command whose arguments are `Own`, a kind of Arguments.
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

extern const Command kTop, kSnapshot, kTrace, kDoctor, kStory, kHost, kCapture;
// In the order of the help.
inline constexpr const Command* kCommands[] = {&kTop,   &kSnapshot, &kTrace,  &kDoctor,
                                               &kStory, &kHost,     &kCapture};

}  // namespace sockscope
