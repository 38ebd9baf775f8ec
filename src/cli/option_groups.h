// SPDX-License-Identifier: Apache-2.0
// Options that several commands have, in the groups of their help. Those marked `configurable()`
// may be in configuration files; if a command without a section of its own has the option, in
// [common].
#pragma once

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/suggest.h"
#include "cli/arguments.h"
#include "cli/lookup.h"

namespace sockscope {

// The group of the help for the options that are added from now on.
inline void in_group(CLI::App& app, const std::string& group) {
  app.option_defaults()->group(group);
}

inline CLI::Option* add_text(CLI::App& app, const std::string& names, std::string& target,
                             const std::string& type, const std::string& help) {
  return app.add_option(names, target, help)->type_name(type);
}

// Adds an option whose text is parsed before it is stored; an error of `parse` becomes CLI11's.
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& names, T& target, const std::string& type,
                        const std::string& help, Parse parse) {
  const auto take = [&target, parse, names](const std::string& text) {
    auto value = parse(text);
    if (!value) throw CLI::ValidationError(names.substr(names.rfind(',') + 1), value.error());
    target = std::move(*value);
  };
  return app.add_option_function<std::string>(names, take, help)->type_name(type);
}

// The words that an option accepts.
template <class T>
using Words = std::vector<std::pair<std::string_view, T>>;
template <class T>
CLI::Option* add_one_of(CLI::App& app, const std::string& names, T& target, const std::string& type,
                        const std::string& help, Words<T> words) {
  return add_parsed(app, names, target, type, help, [words](const std::string& text) -> Parsed<T> {
    std::vector<std::string_view> known;
    for (const auto& [word, value] : words) {
      if (word == text) return value;
      if (!word.empty()) known.push_back(word);
    }
    return tl::make_unexpected("'" + text + "' is none of " + comma_list(known));
  });
}

// Adds an option with a whole number within limits.
template <class T>
CLI::Option* add_number(CLI::App& app, const std::string& names, T& target, const std::string& type,
                        T least, T most, const std::string& help) {
  return add_parsed(
      app, names, target, type, help, [least, most](const std::string& text) -> Parsed<T> {
        const auto number = parse_count(text);
        if (number && *number >= least && *number <= most) return static_cast<T>(*number);
        return tl::make_unexpected("'" + text + "' is not between " + std::to_string(least) +
                                   " and " + std::to_string(most));
      });
}

// For options that need others; to be called in the final callback of a command's app. Refuses the
// first of the names that was given: "--count needs --watch".
void refuse(const CLI::App& app, std::initializer_list<const char*> names, std::string_view why);

void add_processes(CLI::App& app, Arguments& arguments);  // within the present group
void add_selection(CLI::App& app, Arguments& arguments);
void add_format(CLI::App& app, Arguments& arguments, OutputFormat of_json);
void add_output(CLI::App& app, Arguments& arguments, OutputFormat of_json);
void add_units(CLI::App& app, Arguments& arguments);
// When nothing matches, the exit code is that of a failure (Session::exit_code()).
void add_expect_match(CLI::App& app, Arguments& arguments);
void add_quiet_and_strict(CLI::App& app, Arguments& arguments, const std::string& also_strict = "");
void add_source(CLI::App& app, Arguments& arguments);
void add_no_dns(CLI::App& app, Arguments& arguments);
void add_resolve(CLI::App& app, Arguments& arguments);
void add_exact_owner(CLI::App& app, Arguments& arguments);
void add_nat(CLI::App& app, Arguments& arguments);
void add_udp_peers(CLI::App& app, Arguments& arguments);
void add_pairs(CLI::App& app, Arguments& arguments);
void add_only(CLI::App& app, Arguments& arguments);
void add_order(CLI::App& app, Arguments& arguments);
void add_interval(CLI::App& app, Arguments& arguments, const std::string& help);
void add_time_limits(CLI::App& app, Arguments& arguments, const std::string& counted);
void add_watch(CLI::App& app, Arguments& arguments, const std::string& watched);
void add_thresholds(CLI::App& app, Arguments& arguments);
CLI::Option* add_no_probe(CLI::App& app, Arguments& arguments, const std::string& help);
void add_probe(CLI::App& app, Arguments& arguments);  // within the present group
void add_host_facts(CLI::App& app, Arguments& arguments);

}  // namespace sockscope
