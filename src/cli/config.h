// SPDX-License-Identifier: Apache-2.0
// Settings from configuration files and the environment, for what the command line leaves open.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"

namespace sockscope {

struct ConfigChoice {
  std::string file;  // empty: the files in the usual places
  bool none = false;
};
void add_config(CLI::App& app, ConfigChoice& choice);

// A place where files are looked for; the first one wins.
struct ConfigPlace {
  std::string path;
  // The file must belong to this user; empty: to any user.
  std::optional<std::uint32_t> owner;
  bool must_exist = false;
};
struct Surroundings {
  std::string xdg_config_home;
  std::string home;
  // The user who called sudo; empty: nobody did.
  std::optional<std::uint32_t> sudo_uid;
  std::string sudo_home;
};
std::vector<ConfigPlace> config_places(const ConfigChoice& choice, const Surroundings& around);

// To be called after the command line was parsed. Options that it did not set are taken from the
// environment (SOCKSCOPE_NAME), then from the user's file, then from the system's. `program` has a
// subcommand for each command, whose configurable options may be set; their callbacks fill in
// `arguments`. False: something is wrong, and was reported.
bool apply_config(CLI::App& program, const Command& command, const ConfigChoice& choice,
                  Arguments& arguments);

}  // namespace sockscope
