// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <span>

#include "base/fd.h"
#include "base/suggest.h"
#include "cli/config_text.h"
#include "cli/lookup.h"
#include "cli/option_groups.h"
#include "cli/report.h"
#include "view/columns.h"

namespace sockscope {
namespace {

constexpr std::string_view kSystemFile = "/etc/sockscope/config.toml";
constexpr std::string_view kToDo =
    "'man sockscope-config' has what it may say; --no-config does without it";

struct ConfigFile {
  std::string path;
  std::vector<Setting> settings;
};

std::string place_of(const std::string& path, unsigned line) {
  return line == 0 ? path : fmt::format("{}:{}", path, line);
}

bool complain(const std::string& place, const ConfigProblem& problem) {
  report(fmt::format("cannot use {}: {}", place, problem.what), problem.why, kToDo);
  return false;
}

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

using Names = std::vector<std::string_view>;

// What each section may contain, in alphabetical order. Names are those of options; for an option
// --no-X also X.
std::map<std::string_view, Names> sections_of(const CLI::App& program) {
  std::map<std::string_view, std::set<std::string_view>> sections;
  for (const Command* command : kCommands)
    for (const CLI::Option* option :
         program.get_subcommand(std::string(command->name))->get_options())
      if (option->get_configurable()) {
        const std::string_view name = option->get_lnames()[0];
        auto& names = sections[command->has_section ? command->name : "common"];
        names.insert(name);
        if (name.starts_with("no-")) names.insert(name.substr(3));
      }
  std::map<std::string_view, Names> sorted;
  for (const auto& [section, names] : sections) sorted[section].assign(names.begin(), names.end());
  for (const Threshold& threshold : thresholds()) sorted["alerts"].push_back(threshold.name);
  for (const tui::ActionSpec& spec : tui::actions()) sorted["keys"].push_back(spec.name);
  return sorted;
}

std::optional<ConfigProblem> check_name(const std::map<std::string_view, Names>& sections,
                                        const Setting& setting) {
  const auto section = sections.find(setting.section);
  if (section == sections.end()) {
    Names all;
    for (const auto& [name, names] : sections) all.push_back(name);
    return ConfigProblem{setting.line,
                         fmt::format("there is no section [{}]{}", setting.section,
                                     did_you_mean(setting.section, all)),
                         "sections are " + comma_list(all)};
  }
  const Names& names = section->second;
  if (setting.name.empty() || contains(names, setting.name)) return std::nullopt;
  return ConfigProblem{setting.line,
                       fmt::format("there is no '{}' in [{}]{}", setting.name, setting.section,
                                   did_you_mean(setting.name, names)),
                       fmt::format("[{}] has {}", setting.section, comma_list(names))};
}

// nullopt: there is no file, or it must not be used.
tl::expected<std::optional<std::string>, std::string> read_place(const ConfigPlace& place) {
  const auto failed = [] { return tl::make_unexpected(std::string(std::strerror(errno))); };
  struct stat status {};
  // If the folder belongs to another user and is closed to this one, there is no file for this one.
  if (!place.must_exist && ::stat(place.path.c_str(), &status) != 0) return std::nullopt;
  const Fd file(::open(place.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return failed();
  // Checks the opened file, because the name may lead elsewhere by now.
  if (place.owner && status.st_uid != *place.owner) return std::nullopt;
  if (S_ISDIR(status.st_mode)) return tl::make_unexpected("it is a folder");
  std::string text;
  std::array<char, 16384> piece;
  for (;;) {
    const ssize_t count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed();
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > kMostConfigBytes) return text;  // parsing refuses it
  }
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Surroundings surroundings() {
  Surroundings around{environment("XDG_CONFIG_HOME"), environment("HOME"), std::nullopt, ""};
  around.sudo_uid = sudo_uid();
  const passwd* const caller = around.sudo_uid ? ::getpwuid(*around.sudo_uid) : nullptr;
  if (caller != nullptr) around.sudo_home = caller->pw_dir;
  return around;
}

// The option that a name stands for. `inverted`: true in the file means that the option is not set.
CLI::Option* find_option(CLI::App& app, const std::string& name, bool& inverted) {
  inverted = false;
  if (CLI::Option* option = app.get_option_no_throw("--" + name)) return option;
  inverted = true;
  return app.get_option_no_throw("--no-" + name);
}

// Checked here, because options leave this check to the commands, which cannot name the place in
// the file.
std::string wrong_column(const std::string& name, const std::string& text) {
  if (name == "sort" && !find_column<Process>(text) && !find_column<Flow>(text))
    return parse_column<Process>(text).error();
  if (name == "columns")
    if (const auto columns = parse_columns<Process>(text); !columns) return columns.error();
  return "";
}

// Sets an option as if it were on the command line. The problem says what is wrong and why.
std::optional<ConfigProblem> set_option(CLI::App& app, const Setting& setting,
                                        std::set<const CLI::Option*>& decided) {
  bool inverted = false;
  CLI::Option* option = find_option(app, setting.name, inverted);
  if (option == nullptr || !decided.insert(option).second) return std::nullopt;
  const bool is_flag = option->get_items_expected_max() == 0;
  const bool may_be_flag = is_flag || option->get_items_expected_min() == 0;
  const auto wrong = [&](std::string why) {
    return ConfigProblem{setting.line, fmt::format("'{}' has no such value", setting.name),
                         std::move(why)};
  };
  if (is_flag && setting.kind != Setting::Kind::kFlag) return wrong("it is true or false");
  if (!may_be_flag && setting.kind == Setting::Kind::kFlag)
    return wrong("it takes a value: " + option->get_description());
  if (setting.kind == Setting::Kind::kFlag) {
    const bool on = (setting.values[0] == "true") != inverted;
    if (!on) return std::nullopt;
    option->add_result(is_flag ? "true" : "");
  } else {
    const std::string text = fmt::format("{}", fmt::join(setting.values, ","));
    if (std::string problem = wrong_column(setting.name, text); !problem.empty())
      return wrong(std::move(problem));
    option->add_result(text);
  }
  try {
    option->run_callback();
  } catch (const CLI::ParseError& error) {
    return wrong(error.what());
  }
  return std::nullopt;
}

// Applies variables such as SOCKSCOPE_READ_ONLY=1.
bool apply_environment(CLI::App& app, std::span<const std::string_view> names,
                       std::set<const CLI::Option*>& decided) {
  for (const std::string_view name : names) {
    std::string variable = "SOCKSCOPE_";
    for (const char c : name)
      variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const std::string value = environment(variable.c_str());
    if (value.empty()) continue;
    Setting setting{"", std::string(name), Setting::Kind::kText, {value}, 0};
    static constexpr std::array<std::string_view, 4> kOn = {"1", "true", "yes", "on"};
    static constexpr std::array<std::string_view, 4> kOff = {"0", "false", "no", "off"};
    bool inverted = false;
    const CLI::Option* option = find_option(app, setting.name, inverted);
    const bool is_flag = option != nullptr && option->get_items_expected_min() == 0;
    if (is_flag && (contains(kOn, value) || contains(kOff, value)))
      setting = {
          "", setting.name, Setting::Kind::kFlag, {contains(kOn, value) ? "true" : "false"}, 0};
    if (const auto problem = set_option(app, setting, decided)) {
      report(fmt::format("cannot use {}={}: {}", variable, value, problem->what), problem->why,
             "set another value, or none");
      return false;
    }
  }
  return true;
}

// Sets them as defaults, which --threshold overrides.
std::optional<ConfigProblem> set_thresholds(const ConfigFile& file, AlertOptions& options) {
  for (const Setting& setting : file.settings) {
    if (setting.section != "alerts" || setting.name.empty()) continue;
    const auto wrong = [&](std::string why) {
      return ConfigProblem{setting.line, fmt::format("'{}' has no such value", setting.name),
                           std::move(why)};
    };
    if (setting.kind != Setting::Kind::kNumber) return wrong("it is a number");
    const double value = std::strtod(setting.values[0].c_str(), nullptr);
    if (auto done = set_threshold(options, setting.name, value); !done)
      return wrong(done.error().detail());
  }
  return std::nullopt;
}

// [keys] of all files; the first file that names an action wins.
bool set_keys(std::span<const ConfigFile> files, tui::KeyMap& keys) {
  std::map<tui::Action, std::string> places;
  for (const ConfigFile& file : files) {
    for (const Setting& setting : file.settings) {
      const auto action = tui::find_action(setting.name);
      if (setting.section != "keys" || !action) continue;
      const std::string place = place_of(file.path, setting.line);
      if (!places.emplace(*action, place).second) continue;
      const bool is_key = setting.kind != Setting::Kind::kFlag;
      const auto done = is_key ? keys.set(*action, setting.values)
                               : tl::expected<void, std::string>(tl::make_unexpected(
                                     "it is a key, \"x\", or a list of them, [\"x\", \"F5\"]"));
      if (!done)
        return complain(place,
                        {0, fmt::format("'{}' has no such value", setting.name), done.error()});
    }
  }
  const auto conflict = keys.conflict();
  if (!conflict) return true;
  const auto name = [](tui::Action action) { return tui::spec_of(action).name; };
  // At least one of them was set, because the defaults do not conflict.
  const auto first = places.find(conflict->first);
  const auto second = places.find(conflict->second);
  const bool is_first = second == places.end();
  const tui::Action set = is_first ? conflict->first : conflict->second;
  const tui::Action other = is_first ? conflict->second : conflict->first;
  if (set == other)
    return complain(second->second,
                    {0, fmt::format("'{}' has the key {} twice", name(set), conflict->key), ""});
  const auto& other_place = is_first ? second : first;
  return complain(
      (is_first ? first : second)->second,
      {0, fmt::format("'{}' and '{}' have the same key, {}", name(set), name(other), conflict->key),
       fmt::format("{} has it {}: give it another one, or none: {} = []", name(other),
                   other_place == places.end() ? "by default" : "in " + other_place->second,
                   name(other))});
}

}  // namespace

void add_config(CLI::App& app, ConfigChoice& choice) {
  in_group(app, "Configuration");
  add_text(app, "--config", choice.file, "FILE",
           "this configuration file only, see sockscope-config(5)");
  app.add_flag("--no-config", choice.none, "no configuration file");
}

std::vector<ConfigPlace> config_places(const ConfigChoice& choice, const Surroundings& around) {
  if (choice.none) return {};
  if (!choice.file.empty()) return {{choice.file, std::nullopt, true}};
  std::vector<ConfigPlace> places;
  const auto add_below = [&places](const std::string& folder, std::optional<std::uint32_t> owner) {
    // The XDG base directory specification says that relative paths must be ignored.
    if (folder.starts_with('/'))
      places.push_back({folder + "/sockscope/config.toml", owner, false});
  };
  if (around.sudo_uid) {
    if (!around.sudo_home.empty()) add_below(around.sudo_home + "/.config", around.sudo_uid);
  } else if (around.xdg_config_home.starts_with('/')) {
    add_below(around.xdg_config_home, std::nullopt);
  } else if (!around.home.empty()) {
    add_below(around.home + "/.config", std::nullopt);
  }
  places.push_back({std::string(kSystemFile), std::nullopt, false});
  return places;
}

bool apply_config(CLI::App& program, const Command& command, const ConfigChoice& given,
                  Arguments& arguments) {
  CLI::App& app = *program.get_subcommand(std::string(command.name));
  const auto sections = sections_of(program);
  ConfigChoice choice = given;
  if (choice.none && !choice.file.empty()) {
    report("--no-config excludes --config", "", "give one of them");
    return false;
  }
  if (!choice.none && choice.file.empty()) choice.file = environment("SOCKSCOPE_CONFIG");
  std::vector<ConfigFile> files;
  for (const ConfigPlace& place : config_places(choice, surroundings())) {
    auto text = read_place(place);
    if (!text) return complain(place.path, {0, "it cannot be read", text.error()});
    if (!*text) continue;
    auto settings = parse_config(**text);
    if (!settings) return complain(place_of(place.path, settings.error().line), settings.error());
    for (const Setting& setting : *settings)
      if (const auto problem = check_name(sections, setting))
        return complain(place_of(place.path, problem->line), *problem);
    files.push_back({place.path, std::move(*settings)});
  }

  // The system's file first; the user's overrides it, and the command line overrides both.
  AlertOptions wanted;
  wanted.allowed_domains = arguments.thresholds.allowed_domains;
  for (std::size_t i = files.size(); i-- > 0;)
    if (const auto problem = set_thresholds(files[i], wanted))
      return complain(place_of(files[i].path, problem->line), *problem);
  arguments.thresholds = wanted;
  if (CLI::Option* option = app.get_option_no_throw("--threshold");
      option != nullptr && option->count() != 0)
    option->run_callback();

  if (command.has_section && !set_keys(files, arguments.keys)) return false;
  std::set<const CLI::Option*> decided;
  for (const CLI::Option* option : app.get_options())
    if (option->count() != 0) decided.insert(option);
  const std::string_view own = command.has_section ? command.name : "common";
  if (!apply_environment(app, sections.at(own), decided)) return false;
  for (const ConfigFile& file : files) {
    for (const std::string_view section : {own, std::string_view("common")})
      for (const Setting& setting : file.settings)
        if (setting.section == section && !setting.name.empty())
          if (const auto problem = set_option(app, setting, decided))
            return complain(place_of(file.path, problem->line), *problem);
  }
  return true;
}

}  // namespace sockscope
