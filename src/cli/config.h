// SPDX-License-Identifier: Apache-2.0
// What configuration files and the environment say where the command line says nothing.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"

namespace sockscope {

struct ConfigChoice {
  std::string file;  // empty: those that lie where they are looked for
  bool none = false;
};
void add_config(CLI::App& app, ConfigChoice& choice);

// Where they are looked for, the one that wins first.
struct ConfigPlace {
  std::string path;
  // The file must belong to this user; empty: to anybody.
  std::optional<std::uint32_t> owner;
  bool must_exist = false;
};
struct Surroundings {
  std::string xdg_config_home;
  std::string home;
  // Of who called sudo; empty: nobody did.
  std::optional<std::uint32_t> sudo_uid;
  std::string sudo_home;
};
std::vector<ConfigPlace> config_places(const ConfigChoice& choice, const Surroundings& around);

// After the command line: for the options it left alone, environment (SOCKSCOPE_NAME), user's and
// system's file, in this order. `program` has a subcommand for each command, the configurable ones
// of whose options may be set; callbacks fill in `arguments`. False: something is wrong, and
// reported.
bool apply_config(CLI::App& program, const Command& command, const ConfigChoice& choice,
                  Arguments& arguments);

}  // namespace sockscope
