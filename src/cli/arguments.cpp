// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>

#include "cli/config.h"
#include "cli/help.h"
#include "cli/lookup.h"
#include "cli/option_groups.h"
#include "cli/report.h"
#include "view/suggest.h"

namespace sockscope {
namespace {

constexpr std::array<std::string_view, 8> kCommands = {
    "top", "snapshot", "trace", "story", "doctor", "host", "capture", "help"};

// "ss:FILE"
Parsed<CaptureSource> parse_source(const std::string& text) {
  static const std::map<std::string, CaptureKind> kKinds = {{"ss", CaptureKind::kSs},
                                                            {"lsof", CaptureKind::kLsof},
                                                            {"nettop", CaptureKind::kNettop},
                                                            {"proc", CaptureKind::kProc}};
  const std::size_t colon = text.find(':');
  const auto found = kKinds.find(text.substr(0, colon));
  if (found == kKinds.end() || colon == std::string::npos || colon + 1 == text.size())
    return tl::make_unexpected("'" + text + "' is none of ss:FILE, lsof:FILE, nettop:FILE, proc:DIR");
  return CaptureSource{found->second, text.substr(colon + 1)};
}

void set_up_snapshot(CLI::App& app, Arguments& arguments) {
  add_selection(app, arguments);
  add_output(app, arguments, OutputFormat::kJson);
  add_order(app, arguments);
  add_source(app, arguments);
  app.add_flag_callback(
         "--udp-peers",
         [] {
           throw CLI::ValidationError(
               "--udp-peers", "counts begin when somebody watches: top --once --udp-peers -i SECS");
         })
      ->group("");
  app.add_flag("--holders", arguments.options.holders,
               "every process that has the socket open, as column 'holders'")
      ->group("Output");
  app.add_option_function<std::string>(
         "--format",
         [&arguments](const std::string& text) {
           if (text != "sockscope" && text != "netwatch")
             throw CLI::ValidationError("--format", "'" + text + "' is none of sockscope, netwatch");
           arguments.netwatch = text == "netwatch";
         },
         "sockscope (default), or netwatch: the Snapshot of NetWatch, as JSON")
      ->type_name("FORMAT")
      ->group("Output");
  app.add_flag("--envelope", arguments.envelope, "netwatch: as a request to a server")
      ->group("Output");
  add_parsed(app, "--from", arguments.from, "what ss, lsof or nettop printed; a copy of /proc: proc:DIR",
             parse_source)
      ->type_name("TOOL:FILE")
      ->group("Where from");
  add_no_dns(app, arguments);
  add_resolve(app, arguments);
  add_thresholds(app, arguments);
  add_watch(app, arguments, "netwatch: one per interval");
  add_time_limits(app, arguments, "snapshots");
  add_host_facts(app, arguments);
}

void set_up_story(CLI::App& app, Arguments& arguments) {
  const std::string group = "Which processes";
  add_processes(app, arguments, group);
  app.add_flag("--talkers", arguments.talkers_only, "only those that had connections")
      ->group(group);
  app.add_flag_callback("--json", [&arguments] { arguments.format = OutputFormat::kNdjson; },
                        "an object per line")
      ->group("Output");
  app.add_flag("-q,--quiet", arguments.quiet, "no summary on stderr")->group("Output");
  app.add_flag("--strict", arguments.strict, "exit with 3 when something could not be observed")
      ->group("Output");
  add_source(app, arguments);
  add_time_limits(app, arguments, "processes");
}

void set_up_host(CLI::App& app, Arguments& arguments) {
  add_output(app, arguments, OutputFormat::kJson);
  for (const char* name : {"--columns", "--wide"}) app.remove_option(app.get_option(name));
  add_source(app, arguments);
  add_watch(app, arguments, "one per interval");
  add_time_limits(app, arguments, "tables");
  add_host_facts(app, arguments);
}

// Options that only make sense beside others. Empty: they fit.
std::string misfit(const CLI::App& app, const Arguments& arguments) {
  const auto given = [&app](const std::string& name) {
    const CLI::Option* option = app.get_option_no_throw(name);
    return option != nullptr && option->count() != 0;
  };
  if (arguments.command == Command::kHost && arguments.format == OutputFormat::kCsv)
    return "--output: 'csv' is none of table, json, ndjson";
  if (arguments.command == Command::kSnapshot && !arguments.netwatch)
    for (const char* name : {"--envelope", "--watch", "--interval", "--duration", "--count",
                             "--root", "--no-probe", "--no-dns", "--threshold"})
      if (given(name)) return std::string(name) + " needs --format netwatch";
  if (!arguments.from.path.empty())
    for (const char* name : {"--envelope", "--watch", "--interval", "--root", "--no-probe",
                             "--no-dns", "--resolve"})
      if (given(name)) return std::string(name) + " excludes --from";
  if (arguments.netwatch && given("--resolve"))
    return "--format netwatch has no names of remote ends: it excludes --resolve";
  if (arguments.netwatch && given("--output") && arguments.format != OutputFormat::kJson &&
      arguments.format != OutputFormat::kNdjson)
    return "--format netwatch is JSON: --output excludes it";
  if (arguments.command == Command::kCapture) {
    if (arguments.all_packets)
      for (const char* name : {"--pid", "--comm", "--uid", "--unit", "--container", "--cgroup",
                               "--port", "--lport", "--dport", "-4", "-6", "--tcp", "--udp",
                               "--filter"})
        if (given(name)) return std::string("--all excludes ") + name;
    if (arguments.packet_file == "-" && ::isatty(1) != 0)
      return "--write: '-' would write packets to the terminal; pipe them: … -w - | tshark -r -";
  }
  if (arguments.alerts)
    for (const char* name : {"--fails", "--processes", "--attempts", "--states", "--data", "--dns",
                             "--columns", "--resolve", "--udp-peers"})
      if (given(name)) return std::string(name) + " excludes --alerts";
  if (arguments.alerts && arguments.format == OutputFormat::kCsv)
    return "--alerts has no CSV: use --json";
  if (arguments.command == Command::kTrace && !arguments.alerts)
    for (const char* name : {"--threshold", "--no-dns"})
      if (given(name)) return std::string(name) + " needs --alerts";
  for (const char* name : {"--duration", "--count", "--threshold"})
    if ((arguments.command == Command::kHost || arguments.netwatch) && !arguments.watch &&
        given(name))
      return std::string(name) + " needs --watch";
  return "";
}

// Of the full screen.
void add_screen(CLI::App& app, Arguments& arguments) {
  const std::string group = "Screen";
  const auto add_word = [&](const char* name, std::string& target, const char* help,
                            std::vector<std::string> words, const char* type) {
    app.add_option_function<std::string>(
           name,
           [&target, words, name](const std::string& text) {
             if (std::find(words.begin(), words.end(), text) == words.end())
               throw CLI::ValidationError(
                   name, fmt::format("'{}' is none of {}", text, fmt::join(words, ", ")));
             target = text;
           },
           help)
        ->type_name(type)
        ->group(group);
  };
  app.add_flag("--read-only", arguments.read_only, "no signals to processes")->group(group);
  app.add_flag_callback("--no-mouse", [&arguments] { arguments.mouse = false; },
                        "leave the mouse to the terminal")
      ->group(group);
  app.add_flag("--ascii", arguments.ascii, "draw with ASCII only")->group(group);
  app.add_flag_callback("--no-probe", [&arguments] { arguments.probe = false; },
                        "do not ask gateway and DNS server for echoes")
      ->group(group);
  add_word("--graph", arguments.graph, "braille, block or ascii plots",
           {"braille", "block", "ascii"}, "KIND");
  add_word("--theme", arguments.theme, "default, mono, high-contrast or colour-blind",
           {"default", "mono", "high-contrast", "colour-blind"}, "NAME");
  add_word("--color", arguments.colour, "auto, always or never", {"auto", "always", "never"},
           "WHEN");
}

void set_up_top(CLI::App& app, Arguments& arguments) {
  arguments.top = 20;
  add_selection(app, arguments);
  add_output(app, arguments, OutputFormat::kNdjson);
  add_order(app, arguments);
  add_source(app, arguments);
  add_udp_peers(app, arguments);
  add_parsed(app, "-i,--interval", arguments.interval, "seconds between tables, 1 by default",
             [](const std::string& text) { return parse_seconds(text, 0.1, 3600); })
      ->type_name("SECS")
      ->group("When to stop");
  add_parsed(app, "--keep-closed", arguments.options.keep_closed,
             "seconds that closed connections stay, 10 by default",
             [](const std::string& text) { return parse_seconds(text, 0, 600); })
      ->type_name("SECS")
      ->group("Which connections");
  add_thresholds(app, arguments);
  add_time_limits(app, arguments, "tables");
  app.add_flag_callback("--once", [&arguments] { arguments.count = 1; },
                        "one table after one interval")
      ->group("When to stop");
  app.add_flag("--idle", arguments.idle,
               "also idle processes, listening sockets and closed connections")
      ->group("Which connections");
  app.add_flag("--plain", arguments.plain, "tables one after the other, also on a terminal")
      ->group("Output");
  add_no_dns(app, arguments);
  add_resolve(app, arguments);
  add_screen(app, arguments);
}

void set_up_doctor(CLI::App& app, Arguments& arguments) {
  app.add_flag_callback("--json", [&arguments] { arguments.format = OutputFormat::kJson; },
                        "one JSON document")
      ->group("Output");
  add_source(app, arguments);
}

void set_up_trace(CLI::App& app, Arguments& arguments) {
  add_selection(app, arguments);
  add_output(app, arguments, OutputFormat::kNdjson);
  add_source(app, arguments);
  add_udp_peers(app, arguments);
  Options& options = arguments.options;
  const std::string group = "Which events";
  app.add_flag("-x,--fails", arguments.fails_only, "failed connections only")->group(group);
  app.add_flag("--processes", options.processes,
               "also fork, exec, exit and changes of identity of processes")
      ->group(group);
  app.add_flag("--dns", options.dns,
               "also DNS queries and answers; remote ends get the names they were asked for by")
      ->group(group);
  app.add_flag("--describe", options.describe,
               "JSON: all that is known of each process; always so with --processes")
      ->group("Output");
  app.add_flag("--alerts", arguments.alerts,
               "scans, beacons, tunnels, floods and failures instead of single events")
      ->group("Alerts");
  add_thresholds(app, arguments);
  add_no_dns(app, arguments);
  add_resolve(app, arguments);
  app.add_flag_callback("--attempts", [&options] { options.attempts = options.refusals = true; },
                        "also each connection attempt, and those from outside that meet no listener")
      ->group(group);
  app.add_flag("--states", options.states, "also every TCP state change")->group(group);
  app.add_flag("--data", options.data, "also each send and receive; select with -p, -c or ports")
      ->group(group);
  app.add_option_function<std::string>(
         "-t,--timestamps",
         [&arguments](const std::string& text) {
           static const std::map<std::string, TimeFormat> kFormats = {
               {"", TimeFormat::kTimeOfDay},
               {"abs", TimeFormat::kTimeOfDay},
               {"rel", TimeFormat::kRelative},
               {"iso", TimeFormat::kIso},
               {"ns", TimeFormat::kNanoseconds}};
           const auto found = kFormats.find(text);
           if (found == kFormats.end())
             throw CLI::ValidationError("--timestamps",
                                        "'" + text + "' is none of abs, rel, iso, ns");
           arguments.time = found->second;
         },
         "abs (time of day, default), rel (seconds since start), iso, ns (Unix)")
      ->type_name("[FORMAT]")
      ->expected(0, 1)
      ->group("Output");
  add_parsed(app, "--ring-kib", options.ring_bytes,
             "size of the kernel's event buffer, 16384 by default",
             [](const std::string& text) -> Parsed<std::size_t> {
               const auto kib = parse_count(text);
               if (!kib || *kib < 4 || *kib > (1u << 20))
                 return tl::make_unexpected("'" + text + "' is not between 4 and 1048576");
               return *kib << 10;
             })
      ->type_name("KIB")
      ->group("Which events");
  add_time_limits(app, arguments, "events");
}

void set_up_capture(CLI::App& app, Arguments& arguments) {
  add_selection(app, arguments);
  app.remove_option(app.get_option("--netns"));
  const std::string group = "Which packets";
  app.add_option("-i,--interface", arguments.packets.interface, "of this interface; all by default")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--bpf", arguments.packets.packet_filter,
                 "that this filter of tcpdump's language lets through, 'tcp port 80'")
      ->type_name("EXPR")
      ->group(group);
  add_parsed(app, "--snaplen", arguments.packets.snap_length,
             "so many bytes of each, 262144 by default",
             [](const std::string& text) -> Parsed<std::uint32_t> {
               const auto size = parse_count(text);
               if (!size || *size < 64 || *size > 262'144)
                 return tl::make_unexpected("'" + text + "' is not between 64 and 262144");
               return static_cast<std::uint32_t>(*size);
             })
      ->type_name("BYTES")
      ->group(group);
  app.add_flag("--all", arguments.all_packets, "also packets that belong to no known connection")
      ->group(group);
  app.add_option("-w,--write", arguments.packet_file, "the file to write; - is standard output")
      ->type_name("FILE")
      ->required()
      ->group("Output");
  app.add_flag("-q,--quiet", arguments.quiet, "no summary on stderr")->group("Output");
  app.add_flag("--strict", arguments.strict,
               "exit with 3 when something could not be observed, or packets were dropped")
      ->group("Output");
  add_source(app, arguments);
  add_time_limits(app, arguments, "packets");
}

// CLI11's words for a wrong word are its own; ours name the nearest right one.
std::string unknown_word(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  std::vector<std::string_view> views(names.begin(), names.end());
  if (!word.starts_with('-')) views.assign(kCommands.begin(), kCommands.end());
  return fmt::format("unknown {} '{}'{}", word.starts_with('-') ? "option" : "word", word,
                     did_you_mean(word, views));
}

int usage_error(const std::string& what, const std::string& command) {
  report(what, "", "see 'sockscope help" + (command.empty() ? "" : ' ' + command) + "'");
  return kExitUsage;
}

ParseOutcome print_help(const std::string& name) {
  if (name.empty()) {
    fmt::print("{}", overview());
    return {};
  }
  const std::string text = topic(name);
  if (!text.empty()) {
    fmt::print("{}", text);
    return {};
  }
  return {{}, usage_error(unknown_word(CLI::App(), name), "")};
}

}  // namespace

ParseOutcome parse_arguments(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) {
    if (::isatty(1) == 0) {
      fmt::print(stderr, "{}", overview());
      return {{}, kExitUsage};
    }
    words.push_back("top");
  }
  const std::string first = words[0];
  if (first == "-V" || first == "--version") {
    fmt::print("{}", version_text());
    return {};
  }
  if (first == "-h" || first == "--help") return print_help("");
  if (first == "help") {
    std::string name = words.size() > 1 ? words[1] : "";
    if (name == "help") name.clear();
    if (name == "help" || std::find(kCommands.begin(), kCommands.end(), name) == kCommands.end())
      return print_help(name);
    words = {name, "--help"};
  } else if (first.starts_with('-')) {
    words.insert(words.begin(), "top");
  }

  Arguments arguments;
  CLI::App app(std::string(examples_of(words[0])), "sockscope " + words[0]);
  app.set_help_flag("-h,--help", "this help");
  app.get_formatter()->column_width(30);
  app.footer(std::string(notes_of(words[0])));
  if (words[0] == "top") {
    arguments.command = Command::kTop;
    set_up_top(app, arguments);
  } else if (words[0] == "snapshot") {
    arguments.command = Command::kSnapshot;
    arguments.options.connections = false;
    arguments.options.quality = false;
    set_up_snapshot(app, arguments);
  } else if (words[0] == "story") {
    arguments.command = Command::kStory;
    arguments.options.processes = true;
    arguments.options.describe = true;
    arguments.options.quality = false;
    arguments.options.settle_owner = {};
    set_up_story(app, arguments);
  } else if (words[0] == "host") {
    arguments.command = Command::kHost;
    arguments.options.quality = false;
    arguments.options.settle_owner = {};
    // Polled sources do not count UDP, or nothing.
    arguments.options.source = Source::kEbpf;
    set_up_host(app, arguments);
  } else if (words[0] == "trace") {
    arguments.command = Command::kTrace;
    set_up_trace(app, arguments);
  } else if (words[0] == "capture") {
    arguments.command = Command::kCapture;
    arguments.options.attempts = true;
    arguments.options.quality = false;
    set_up_capture(app, arguments);
  } else if (words[0] == "doctor") {
    arguments.command = Command::kDoctor;
    arguments.options.processes = true;
    arguments.options.holders = true;
    arguments.options.dns = true;
    arguments.options.refusals = true;
    arguments.options.udp_peers = true;
    set_up_doctor(app, arguments);
  } else {
    return {{}, usage_error(fmt::format("unknown command '{}'{}", words[0],
                                        did_you_mean(words[0], kCommands)),
                            "")};
  }

  ConfigChoice config;
  add_config(app, config);
  const std::string command = words[0];
  std::vector<std::string> rest(words.rbegin(), words.rend() - 1);  // CLI11 takes them backwards
  try {
    app.parse(rest);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return {};
  } catch (const CLI::ExtrasError&) {
    const auto extras = app.remaining();
    return {{}, usage_error(unknown_word(app, extras.empty() ? "" : extras.front()), command)};
  } catch (const CLI::ParseError& error) {
    return {{}, usage_error(error.what(), command)};
  }
  // A choice of columns is about tables; in a configuration file it waits for some.
  if (arguments.command == Command::kTop && !arguments.columns.empty()) arguments.plain = true;
  const bool is_json = arguments.format == OutputFormat::kJson || arguments.format == OutputFormat::kNdjson;
  if (arguments.options.processes ||
      (is_json && (arguments.command == Command::kSnapshot || arguments.command == Command::kTop)))
    arguments.options.describe = true;
  if (const std::string wrong = misfit(app, arguments); !wrong.empty())
    return {{}, usage_error(wrong, command)};
  if (!apply_config(app, config, arguments)) return {{}, kExitUsage};
  if (arguments.command == Command::kTop) arguments.options.names = arguments.dns;
  if (arguments.netwatch) {  // UDP is counted by hooks, and so are connections between two passes
    arguments.options.connections = true;
    arguments.options.settle_owner = {};
    arguments.options.dns = arguments.dns;
    arguments.options.refusals = arguments.watch;  // for alerts
  }
  if (arguments.alerts) {
    arguments.options.dns = arguments.dns;
    arguments.options.refusals = true;
    arguments.options.settle_owner = {};  // of an accept it does not matter who serves it
  }
  return {std::move(arguments), kExitDone};
}

}  // namespace sockscope
