// SPDX-License-Identifier: Apache-2.0
#include "cli/option_groups.h"

#include <algorithm>
#include <cstdlib>

#include "base/ascii.h"
#include "base/text.h"

namespace sockscope {
namespace {

// A flag that sets target to value, and excludes the flag `other`, which sets it too.
template <class T>
void add_choice(CLI::App& app, const std::string& name, T& target, T value, const std::string& help,
                const std::string& other) {
  const auto take = [&target, value, name, other] {
    if (target != T{} && target != value) throw CLI::ValidationError(name, "excludes " + other);
    target = value;
  };
  app.add_flag_callback(name, take, help);
}

// Makes "Example.COM." into "example.com".
std::optional<std::string> plain_domain(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (text.empty() || text.size() > 253 || text.front() == '.' || text.find("..") != text.npos ||
      !std::all_of(text.begin(), text.end(), is_letter))
    return std::nullopt;
  return ascii_lower(text);
}

}  // namespace

void refuse(const CLI::App& app, std::initializer_list<const char*> names, std::string_view why) {
  for (const std::string name : names)
    if (app.get_option(name)->count() != 0)
      throw CLI::ValidationError(name + ' ' + std::string(why));
}

// Which processes: by pid, name, user, and the group they belong to.
void add_processes(CLI::App& app, Arguments& arguments) {
  Filter& filter = arguments.options.filter;
  add_parsed(app, "-p,--pid", filter.pids, "PID[,PID]", "these processes", parse_pids);
  add_text(app, "-c,--comm", filter.comm, "NAME", "processes of this name, or /regex/");
  add_parsed(app, "-u,--uid", filter.uid, "UID|USER", "processes of this user", parse_user);
  add_text(app, "--unit", filter.unit, "UNIT", "of this systemd unit");
  add_text(app, "--container", filter.container, "NAME|ID",
           "in this container: its name, or the beginning of its id");
  add_text(app, "--cgroup", filter.cgroup, "PATH", "in this cgroup and those below it");
  add_text(app, "--filter", arguments.filter, "EXPR", "an expression, see 'sockscope help filter'");
}

void add_selection(CLI::App& app, Arguments& arguments) {
  Filter& filter = arguments.options.filter;
  in_group(app, "Which connections");
  add_processes(app, arguments);
  add_parsed(app, "-n,--netns", filter.netns, "NAME|ID|pid:N|PATH",
             "in this network namespace: its name in 'ip netns', its inode number, that of process "
             "N, or a "
             "path",
             [&arguments](const std::string& text) {
               arguments.numbers_netns = parse_count(text).has_value();
               return parse_netns(text);
             });
  add_parsed(app, "-P,--port", filter.any_ports, "LIST", "with one of these ports at either end",
             parse_ports);
  add_parsed(app, "-L,--lport", filter.local_ports, "LIST", "with one of these local ports",
             parse_ports);
  add_parsed(app, "-D,--dport", filter.remote_ports, "LIST", "with one of these remote ports",
             parse_ports);
  add_choice(app, "-4", filter.family, std::uint8_t{4}, "IPv4 only, including dual-stack listeners",
             "-6");
  add_choice(app, "-6", filter.family, std::uint8_t{6}, "IPv6 only", "-4");
  add_choice(app, "--tcp", filter.protocol, std::optional(Protocol::kTcp), "TCP only", "--udp");
  add_choice(app, "--udp", filter.protocol, std::optional(Protocol::kUdp), "UDP only", "--tcp");
}

void add_format(CLI::App& app, Arguments& arguments, OutputFormat of_json) {
  in_group(app, "Output");
  add_one_of(app, "-o,--output", arguments.format, "FORMAT", "table (default), json, ndjson or csv",
             Words<OutputFormat>{{"table", OutputFormat::kTable},
                                 {"json", OutputFormat::kJson},
                                 {"ndjson", OutputFormat::kNdjson},
                                 {"csv", OutputFormat::kCsv}});
  app.add_flag_callback(
      "--json", [&arguments, of_json] { arguments.format = of_json; },
      of_json == OutputFormat::kJson ? "the same as -o json" : "the same as -o ndjson");
}

void add_spreadsheet(CLI::App& app, Arguments& arguments) {
  app.add_flag_callback(
      "--spreadsheet",
      [&arguments] {
        arguments.format = OutputFormat::kCsv;
        arguments.spreadsheet = true;
      },
      "-o csv with a ' before texts that begin with = + - @, so that none is a formula");
}

void add_output(CLI::App& app, Arguments& arguments, OutputFormat of_json) {
  add_format(app, arguments, of_json);
  in_group(app, "Output");
  add_spreadsheet(app, arguments);
  add_text(app, "--columns", arguments.columns, "A,B,C",
           "which columns, see 'sockscope help columns'");
  app.add_flag("-w,--wide", arguments.wide,
               "never shorten; read all arguments of a process, not only the first 4 KiB")
      ->configurable();
  add_units(app, arguments);
  add_quiet_and_strict(app, arguments);
}

void add_units(CLI::App& app, Arguments& arguments) {
  in_group(app, "Output");
  add_one_of(app, "--units", arguments.units, "UNIT",
             "unit of rates: bits (default), bytes, ibits, ibytes",
             Words<Units>{{"bits", Units::kBits},
                          {"bytes", Units::kBytes},
                          {"ibits", Units::kIbits},
                          {"ibytes", Units::kIbytes}})
      ->configurable();
}

void add_expect_match(CLI::App& app, Arguments& arguments) {
  in_group(app, "Output");
  app.add_flag("--expect-match", arguments.expects_match, "exit with 1 when nothing matched");
}

void add_quiet_and_strict(CLI::App& app, Arguments& arguments, const std::string& also_strict) {
  in_group(app, "Output");
  app.add_flag("-q,--quiet", arguments.quiet, "no summary on stderr")->configurable();
  app.add_flag("--strict", arguments.strict,
               "exit with 3 when something could not be observed" + also_strict)
      ->configurable();
}

void add_source(CLI::App& app, Arguments& arguments) {
  in_group(app, "Where from");
  add_parsed(
      app, "--source", arguments.options.source, "SOURCE",
      "ebpf, sock_diag or procfs (the last two are polled); auto, the default, takes the first of "
      "them that is allowed",
      [](const std::string& text) -> Parsed<Source> {
        static constexpr std::array<std::string_view, 4> kNames = {"auto", "ebpf", "sock_diag",
                                                                   "procfs"};
        const auto found = std::find(kNames.begin(), kNames.end(), text);
        if (found != kNames.end()) return static_cast<Source>(found - kNames.begin());
        return tl::make_unexpected("'" + text + "' is none of " + comma_list(kNames) +
                                   did_you_mean(text, kNames));
      })
      ->configurable();
  app.add_option_function<std::string>(
         "--doors",
         [&arguments](const std::string& text) {
           static const std::set<std::string> kKinds = {"tp_btf", "cgroup",    "fexit",
                                                        "kprobe", "iter_task", "iter_map"};
           for (const std::string& kind : CLI::detail::split(text, ','))
             if (!kKinds.contains(kind))
               throw CLI::ValidationError(
                   "--doors",
                   "'" + kind + "' is none of tp_btf, cgroup, fexit, kprobe, iter_task, iter_map");
           arguments.options.doors = text;
         },
         "use only these kinds of hooks: tp_btf, cgroup, fexit, kprobe; and of iterators: "
         "iter_task, iter_map")
      ->type_name("KIND,...")
      ->configurable();
  add_parsed(app, "--conn-key", arguments.options.connection_key, "FILE",
             "the key of the names of connections (conn_id), 32 hexadecimal digits: hosts with the "
             "same key name both ends of a connection alike; one of this host by default",
             parse_connection_key)
      ->configurable();
}

constexpr std::uint64_t kMostUdpPeers = 1'000'000;

void add_no_dns(CLI::App& app, Arguments& arguments) {
  in_group(app, "Where from");
  app.add_flag_callback(
      "--no-dns", [&arguments] { arguments.dns = false; },
      "do not look at DNS: no names of remote ends, no alerts of tunnels, no figures of queries");
}

void add_resolve(CLI::App& app, Arguments& arguments) {
  in_group(app, "Where from");
  app.add_flag("--resolve", arguments.options.resolve,
               "look up remote ends that have no name from DNS in reverse (PTR)");
}

void add_exact_owner(CLI::App& app, Arguments& arguments) {
  in_group(app, "Where from");
  app.add_flag("--exact-owner", arguments.options.exact_owners,
               "look at each send and receive which process uses a TCP connection; makes each of "
               "them slower");
}

void add_nat(CLI::App& app, Arguments& arguments) {
  in_group(app, "Where from");
  app.add_flag(
      "--nat", arguments.options.translations,
      "where netfilter translates addresses, also the ends that packets have, as column 'nat'");
}

void add_udp_peers(CLI::App& app, Arguments& arguments) {
  Options& options = arguments.options;
  in_group(app, "Where from");
  app.add_option_function<std::string>(
         "--udp-peers",
         [&options](const std::string& text) {
           options.udp_peers = true;
           if (text.empty()) return;
           const auto count = parse_count(text);
           if (!count || *count == 0 || *count > kMostUdpPeers)
             throw CLI::ValidationError("--udp-peers", "'" + text + "' is not a number from 1 to " +
                                                           std::to_string(kMostUdpPeers));
           options.max_udp_peers = static_cast<std::uint32_t>(*count);
         },
         "also each remote end of unconnected UDP sockets, at most N (16384 by default), and which "
         "UDP is QUIC; looks at every packet")
      ->expected(0, 1)
      ->type_name("[N]");
}

void add_pairs(CLI::App& app, Arguments& arguments) {
  in_group(app, "Output");
  app.add_flag("--pairs", arguments.pairs,
               "one row for both ends of a connection that are on this host, counted once");
}

void add_only(CLI::App& app, Arguments& arguments) {
  in_group(app, "Output");
  add_one_of(app, "--only", arguments.only, "ROWS",
             "processes or flows: only these rows; --columns and --sort then apply to them",
             Words<std::optional<Excerpt::Rows>>{{"processes", Excerpt::Rows::kProcesses},
                                                 {"flows", Excerpt::Rows::kFlows}});
  app.get_option("--columns")
      ->description(
          "which columns, see 'sockscope help columns'; JSON then has only these rows, with what "
          "the "
          "columns show");
}

void add_order(CLI::App& app, Arguments& arguments) {
  in_group(app, "Output");
  add_text(app, "--sort", arguments.sort, "COLUMN",
           "order by a column: numbers from large to small");
  app.add_flag("--rsort", arguments.reverse, "reverse the order");
  add_parsed(app, "--top", arguments.top, "N", "at most N rows in each table; 0: all", parse_count);
}

void add_time_limits(CLI::App& app, Arguments& arguments, const std::string& counted) {
  in_group(app, "When to stop");
  add_parsed(app, "-d,--duration", arguments.duration, "SECS", "stop after this many seconds",
             [](const std::string& text) { return parse_seconds(text, 0, 1e9); });
  add_parsed(app, "--count", arguments.count, "N", "stop after this many " + counted, parse_count);
}

void add_interval(CLI::App& app, Arguments& arguments, const std::string& help) {
  in_group(app, "When to stop");
  add_parsed(app, "-i,--interval", arguments.interval, "SECS", help,
             [](const std::string& text) { return parse_seconds(text, 0.1, 3600); });
}

// --watch and what goes with it.
void add_watch(CLI::App& app, Arguments& arguments, const std::string& watched) {
  in_group(app, "When to stop");
  app.add_flag("--watch", arguments.watch, watched + ", until Ctrl-C");
  add_interval(app, arguments, "length of an interval in seconds, 1 by default");
}

// "scan.ports=50,hold=10"
void add_thresholds(CLI::App& app, Arguments& arguments) {
  in_group(app, "Alerts");
  app.add_option_function<std::string>(
         "--threshold",
         [&arguments](const std::string& text) {
           for (const std::string& word : CLI::detail::split(text, ',')) {
             const std::size_t sign = word.find('=');
             const std::string digits =
                 sign == std::string::npos ? std::string() : word.substr(sign + 1);
             char* end = nullptr;
             const double value = std::strtod(digits.c_str(), &end);
             if (digits.empty() || *end != '\0')
               throw CLI::ValidationError("--threshold", "'" + word + "' is not NAME=NUMBER");
             if (auto done = set_threshold(arguments.thresholds, word.substr(0, sign), value);
                 !done)
               throw CLI::ValidationError("--threshold", done.error().detail());
           }
         },
         "when to raise alerts, see 'sockscope help alerts'")
      ->type_name("NAME=VALUE,...");
  app.add_option_function<std::vector<std::string>>(
         "--allow-domain",
         [&arguments](const std::vector<std::string>& domains) {
           for (const std::string& domain : domains) {
             const auto name = plain_domain(domain);
             if (!name)
               throw CLI::ValidationError("--allow-domain",
                                          "'" + clean_text(domain) + "' is not a domain");
             arguments.thresholds.allowed_domains.push_back(*name);
           }
         },
         "never take names in this domain for a DNS tunnel")
      ->type_name("DOMAIN,...")
      ->delimiter(',')
      ->configurable();
}

CLI::Option* add_no_probe(CLI::App& app, Arguments& arguments, const std::string& help) {
  return app.add_flag_callback(
      "--no-probe", [&arguments] { arguments.probe = false; }, help);
}

void add_probe(CLI::App& app, Arguments& arguments) {
  app.add_flag_callback(
      "--probe", [&arguments] { arguments.probe = true; },
      "ping gateway and DNS server three times a second while their answers are shown; by default "
      "nothing is sent");
  add_no_probe(app, arguments, "send nothing, whatever the configuration file says")
      ->excludes("--probe");
}

void add_host_facts(CLI::App& app, Arguments& arguments) {
  in_group(app, "Facts of the host");
  add_text(app, "--root", arguments.root, "DIR", "where the host's /proc, /etc and mounts are");
}

}  // namespace sockscope
