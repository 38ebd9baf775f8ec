// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "base/suggest.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/followed_program.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/report.h"

namespace sockscope {
namespace {

// If a standard file is closed, a file that we open could take its number, and our output would go
// into it. So all three are occupied; standard output by something that cannot be written to, so
// that the first write reports the problem.
void occupy_standard_files() {
  for (const int fd : {0, 1, 2})
    if (::fcntl(fd, F_GETFD) == -1) ::open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY);
}

const Command* find_command(std::string_view name) {
  const auto found = std::ranges::find(kCommands, name, &Command::name);
  return found == std::end(kCommands) ? nullptr : *found;
}

// Adds what may follow "--", which CLI11 does not know about, and leaves out what CLI11 adds to the
// name of an option's value ("... REQUIRED Excludes: --probe").
class HelpFormatter : public CLI::Formatter {
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : ' ' + option->get_type_name();
  }
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;)
      text.erase(at, 1);
    return text;
  }
  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string line = CLI::Formatter::make_usage(app, std::move(name));
    const Command* command = find_command(app->get_name());
    if (command != nullptr && command->runs_program)
      line.insert(line.find_last_not_of('\n') + 1, " [-- PROGRAM [ARGUMENTS]]");
    return line;
  }
};

int usage_error(const std::string& what, std::string_view command = "") {
  report(what, "", fmt::format("see 'sockscope help{}{}'", command.empty() ? "" : " ", command));
  return kExitUsage;
}

// Replaces CLI11's message about an unknown word by one that names the nearest right one. app: the
// command whose option it may have been; null: none.
int unknown(std::string_view kind, const std::string& word, const CLI::App* app = nullptr) {
  std::vector<std::string> names;
  if (!word.starts_with('-')) {
    for (const Command* command : kCommands) names.emplace_back(command->name);
    names.emplace_back("help");
  } else if (app != nullptr) {
    for (const CLI::Option* option : app->get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  return usage_error(fmt::format("unknown {} '{}'{}", kind, word, did_you_mean(word, views)),
                     app == nullptr ? "" : app->get_name());
}

int unknown_word(const std::string& word, const CLI::App* app = nullptr) {
  return unknown(word.starts_with('-') ? "option" : "word", word, app);
}

int print(const std::string& text) {
  Output output(-1);
  output.text() = text;
  output.flush();
  return output.exit_code();
}

// Allocates no memory, which report() would do.
void say_memory_is_out() {
  say("sockscope: there is not enough memory\n");
}

// Some libraries throw where they promise not to (CLI11 when it looks up options); for want of
// memory that must not dump core. The message is printed at exit, after the screen has been
// restored.
void end_in_order_without_memory() {
  static bool is_out = false;
  std::atexit([] {
    if (is_out) say_memory_is_out();
  });
  std::set_terminate([] {
    if (std::current_exception() != nullptr) {
      try {
        throw;
      } catch (const std::bad_alloc&) {
        is_out = true;
        std::exit(kExitFailed);
      } catch (...) {
      }
    }
    std::abort();
  });
}

// For commands that run programs, takes the program after "--". Nothing: there is no "--".
std::optional<std::vector<std::string>> take_program(const Command& command,
                                                     std::vector<std::string>& words) {
  const auto dashes = std::ranges::find(words, "--");
  if (!command.runs_program || dashes == words.end()) return std::nullopt;
  std::vector<std::string> program(dashes + 1, words.end());
  words.erase(dashes, words.end());
  return program;
}

// Turns "--config FILE top" into "top --config FILE", because --config does not belong to one
// command.
void put_command_first(std::vector<std::string>& words) {
  std::size_t at = 0;
  while (at < words.size()) {
    if (words[at] == "--config")
      at += 2;
    else if (words[at] == "--no-config" || words[at].starts_with("--config="))
      ++at;
    else
      break;
  }
  if (at < words.size() && find_command(words[at]) != nullptr)
    std::rotate(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at),
                words.begin() + static_cast<std::ptrdiff_t>(at) + 1);
}

// words: the command and what follows it. The error is the exit code: help was printed, or a
// mistake reported.
tl::expected<std::unique_ptr<Arguments>, int> parse(const Command& command,
                                                    std::vector<std::string> words) {
  CLI::App program("", "sockscope");
  program.set_help_flag("-h,--help", "this help");
  program.option_defaults()->configurable(false);
  program.formatter(std::make_shared<HelpFormatter>());
  program.get_formatter()->column_width(30);
  program.require_subcommand(1);
  ConfigChoice config;
  std::map<std::string_view, std::unique_ptr<Arguments>> arguments;
  for (const Command* each : kCommands) {
    CLI::App* app = program.add_subcommand(std::string(each->name), std::string(each->examples));
    app->footer(std::string(each->notes));
    arguments[each->name] = each->declare(*app);
    add_config(*app, config);
  }
  std::reverse(words.begin(), words.end());  // CLI11 wants them in reverse order
  try {
    program.parse(words);
  } catch (const CLI::CallForHelp&) {
    return tl::make_unexpected(print(program.help()));
  } catch (const CLI::ExtrasError&) {
    return tl::make_unexpected(unknown_word(program.remaining(true).at(0),
                                            program.get_subcommand(std::string(command.name))));
  } catch (const CLI::ParseError& error) {
    return tl::make_unexpected(usage_error(error.what(), command.name));
  }
  std::unique_ptr<Arguments> given = std::move(arguments[command.name]);
  if (!apply_config(program, command, config, *given)) return tl::make_unexpected(int{kExitUsage});
  return given;
}

}  // namespace

int run(int argc, char** argv) try {
  end_in_order_without_memory();
  occupy_standard_files();
  keep_write_errors();
  raise_file_limit();
  // Fixed, because otherwise glibc raises it and keeps the memory of a snapshot with many sockets.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) {
    if (::isatty(1) == 0) {
      say(overview());
      return kExitUsage;
    }
    words.emplace_back("top");
  }
  put_command_first(words);
  const std::string first = words[0];
  if (first == "-V" || first == "--version") return print(version_text());
  if (first == "-h" || first == "--help") return print(overview());
  if (first == "help") {
    const std::string name = words.size() > 1 ? words[1] : "";
    if (name.empty() || name == "help") return print(overview());
    for (const Topic& topic : topics())
      if (topic.name == name) return print(topic.text());
    if (find_command(name) == nullptr) return unknown_word(name);
    words = {name, "--help"};
  } else if (first.starts_with('-')) {
    words.insert(words.begin(), "top");
  }
  const Command* command = find_command(words[0]);
  if (command == nullptr) return unknown("command", words[0]);
  auto program = take_program(*command, words);
  if (program && program->empty())
    return usage_error("after -- comes a program to run", command->name);
  const auto arguments = parse(*command, std::move(words));
  if (!arguments) return arguments.error();
  if (program) (*arguments)->program = std::move(*program);
  return command->run(**arguments, command->observe(**arguments));
} catch (const std::bad_alloc&) {
  say_memory_is_out();
  return kExitFailed;
}

}  // namespace sockscope
