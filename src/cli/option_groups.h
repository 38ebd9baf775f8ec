// SPDX-License-Identifier: Apache-2.0
// Options that several commands have, in the groups their help shows. What `configurable()` marks
// may stand in configuration files: in [common] where a command without a section of its own has
// it.
#pragma once

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/lookup.h"
#include "view/suggest.h"

namespace sockscope {

// The part of the help where the options stand that are added from now on.
inline void in_group(CLI::App& app, const std::string& group) {
  app.option_defaults()->group(group);
}

inline CLI::Option* add_text(CLI::App& app, const std::string& names, std::string& target,
                             const std::string& type, const std::string& help) {
  return app.add_option(names, target, help)->type_name(type);
}

// Options whose text must be understood before it is stored; the callback's error becomes CLI11's.
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

// Options that take one of a few words.
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

// A whole number within limits.
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

// Of options that only make sense beside others; for the final callback of a command's app. The
// first of the names that was given is refused: "--count needs --watch".
void refuse(const CLI::App& app, std::initializer_list<const char*> names, std::string_view why);

void add_processes(CLI::App& app, Arguments& arguments);  // in the group there is
void add_selection(CLI::App& app, Arguments& arguments);
void add_format(CLI::App& app, Arguments& arguments, OutputFormat of_json);
void add_output(CLI::App& app, Arguments& arguments, OutputFormat of_json);
void add_units(CLI::App& app, Arguments& arguments);
// What matched nothing is a failure (exit_code_of() of its Session).
void add_expect_match(CLI::App& app, Arguments& arguments);
void add_quiet_and_strict(CLI::App& app, Arguments& arguments, const std::string& also_strict = "");
void add_source(CLI::App& app, Arguments& arguments);
void add_no_dns(CLI::App& app, Arguments& arguments);
void add_resolve(CLI::App& app, Arguments& arguments);
void add_exact_owner(CLI::App& app, Arguments& arguments);
void add_nat(CLI::App& app, Arguments& arguments);
void add_udp_peers(CLI::App& app, Arguments& arguments);
void add_order(CLI::App& app, Arguments& arguments);
void add_interval(CLI::App& app, Arguments& arguments, const std::string& help);
void add_time_limits(CLI::App& app, Arguments& arguments, const std::string& counted);
void add_watch(CLI::App& app, Arguments& arguments, const std::string& watched);
void add_thresholds(CLI::App& app, Arguments& arguments);
CLI::Option* add_no_probe(CLI::App& app, Arguments& arguments, const std::string& help);
void add_probe(CLI::App& app, Arguments& arguments);  // in the group there is
void add_host_facts(CLI::App& app, Arguments& arguments);

}  // namespace sockscope
