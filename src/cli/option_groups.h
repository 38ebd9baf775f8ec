// SPDX-License-Identifier: Apache-2.0
// Options that several commands have, in the groups their help shows.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <utility>

#include "cli/arguments.h"

namespace sockscope {

// Options whose text must be understood before it is stored; the callback's error becomes CLI11's.
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& names, T& target, const std::string& help,
                        Parse parse) {
  return app.add_option_function<std::string>(
      names,
      [&target, parse, names](const std::string& text) {
        auto value = parse(text);
        if (!value) throw CLI::ValidationError(names.substr(names.rfind(',') + 1), value.error());
        target = std::move(*value);
      },
      help);
}

void add_processes(CLI::App& app, Arguments& arguments, const std::string& group);
void add_selection(CLI::App& app, Arguments& arguments);
void add_output(CLI::App& app, Arguments& arguments, OutputFormat of_json);
void add_source(CLI::App& app, Arguments& arguments);
void add_no_dns(CLI::App& app, Arguments& arguments);
void add_resolve(CLI::App& app, Arguments& arguments);
void add_udp_peers(CLI::App& app, Arguments& arguments);
void add_order(CLI::App& app, Arguments& arguments);
void add_time_limits(CLI::App& app, Arguments& arguments, const std::string& counted);
void add_watch(CLI::App& app, Arguments& arguments, const std::string& watched);
void add_thresholds(CLI::App& app, Arguments& arguments);
void add_host_facts(CLI::App& app, Arguments& arguments);

}  // namespace sockscope
