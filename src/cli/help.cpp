// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <fmt/format.h>
#include <sockscope/alert.h>
#include <sockscope/monitor.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/command.h"
#include "tui/key_map.h"
#include "view/columns.h"

namespace sockscope {

namespace {

std::string filter_help() {
  return "The filter language of --filter\n"
         "\n"
         "  nginx            a word: part of the process's name, of an address or of its name\n"
         "  comm:curl        key:value; keys: pid comm user netns proto state port sport dport\n"
         "                   src dst remote_name dir owner rx tx rxbytes txbytes rtt retr exe "
         "cmdline unit\n"
         "                   container pod cgroup parent ppid session cc conn_id other_pid\n"
         "                   other_comm; the kernel's own numbers\n"
         "                   recv_queue send_queue notsent cwnd ssthresh rto_us rttvar_us\n"
         "                   rwnd_limited sndbuf_limited busy_us delivery_rate lost reordering\n"
         "                   dsack pmtu mss, as 'sockscope help columns' explains them\n"
         "  dst:10.0.0.0/8   src (local) and dst (remote) take networks\n"
         "  port:8000-8100   either end's port; sport the local one, dport the remote one\n"
         "  rx>10M rtt>20    numbers compare with < <= > >= and take k M G and Ki Mi Gi; rx and\n"
         "                   tx in bytes a second, rtt in ms, retr counts retransmits\n"
         "  event:exec       for trace and for events in top: events with this name; "
         "event:close,reset\n"
         "  rcode:nxdomain   likewise: DNS answers with this code (noerror servfail refused ...), "
         "or\n"
         "                   unanswered; trace observes the events that these two name\n"
         "  /re/ comm:/re/   regular expressions\n"
         "  !word            not\n"
         "  a b              and;  a | b  or (binds less tightly)\n"
         "\n"
         "What is not known (a rate not measured yet) matches no comparison.\n";
}

std::string alerts_help() {
  std::string text =
      "Alerts of trace --alerts, top --json and snapshot --format netwatch --watch\n"
      "\n"
      "Each condition is one alert: it begins, may get worse, and ends when it has not been seen\n"
      "for a minute. What the selection leaves out raises no alert: --filter '!comm:probe' "
      "exempts\n"
      "a program, --allow-domain example.com exempts a domain from being a DNS tunnel.\n"
      "A scan belongs to one process (from outside: to one address) and goes on while new ports\n"
      "are tried. Failed attempts are those of one process, or of all of a program; scans\n"
      "do not count.\n"
      "--threshold NAME=VALUE,... sets these thresholds, here with their defaults:\n"
      "\n";
  const AlertOptions defaults;
  for (const Threshold& threshold : thresholds())
    text += fmt::format("  {:<20}{:>11}  {}\n", threshold.name,
                        fmt::format("{}", defaults.*threshold.member), threshold.meaning);
  return text;
}

std::string keys_help() {
  std::string text =
      "Keys of the full screen of top\n"
      "\n"
      "In a configuration file (man sockscope-config) [keys] changes them: quit = \"Q\", or\n"
      "down = [\"Down\", \"F5\"]; signal = [] leaves an action without a key.\n"
      "\n";
  for (const tui::ActionSpec& spec : tui::actions())
    text += fmt::format("  {:<18}{:<14}{}\n", spec.name, spec.keys, spec.meaning);
  return text;
}

std::string columns_help() {
  return "Columns of connections (snapshot, trace)\n\n" + column_help<Flow>() +
         "\nColumns of processes (top)\n\n" + column_help<Process>();
}

std::string times_help() {
  return "Times and durations, as --at, --from, --to and --for take them\n"
         "\n"
         "  now, boot                       boot is when this host started\n"
         "  today, yesterday, mon           the beginning of that day; mon is the latest Monday\n"
         "  yesterday 14:00, mon 09:00:30   that day at this time\n"
         "  14:02, 14:02:30.5, Nov 30       without a day or a year: the latest that is not in\n"
         "                                  the future\n"
         "  10m, 3d2h ago, -1.5h            that long ago; 1d is 24 hours\n"
         "  2 days 3 hours ago              the same with the names of the units\n"
         "  2026-11-30, 2026-11-30 14:00    ISO 8601, local time\n"
         "  2026-11-30T13:00:00.25Z         ISO 8601 with a zone\n"
         "  2026-11-30T14:00+01:00\n"
         "  30 Nov 2025 14:00               a date as people write it\n"
         "  Mon Nov 30 14:00:01 2026        a date as date, ps and dmesg -T write it\n"
         "  @1795269802.5                   Unix time in seconds\n"
         "  boot+5m, today 9:00 - 90s       after or before any of these\n"
         "\n"
         "A duration has the units w d h m s ms us ns, or their names, the largest first: 1h30m,\n"
         "90s, 500ms, 2 days 3 hours. A range of time is one of\n"
         "\n"
         "  --from yesterday --to today     the beginning is in it, the end is not\n"
         "  --from 'mon 09:00' --for 10m    the ten minutes after that time\n"
         "  --to 'mon 09:00' --for 10m      the ten minutes before it\n"
         "  --from today                    until now; no range goes on after now\n"
         "  --for 10m                       the last ten minutes\n"
         "\n"
         "Times without a zone are those of this host's clock; with TZ=America/New_York before "
         "the\n"
         "command, of the clocks there. Where the clock is put back and shows a time twice, the\n"
         "first is meant; a time that it skips when it is put forward is an error. Case does not\n"
         "matter.\n";
}

}  // namespace

std::span<const Topic> topics() {
  static constexpr Topic kTopics[] = {{"filter", filter_help},
                                      {"columns", columns_help},
                                      {"alerts", alerts_help},
                                      {"keys", keys_help},
                                      {"times", times_help}};
  return kTopics;
}

std::string overview() {
  std::string text =
      "sockscope shows which process on this host talks to whom, how much and how well.\n\n";
  for (const Command* command : kCommands)
    text += fmt::format("  sudo sockscope {:<22} {}\n", command->usage, command->promise);
  text += "\nCommands\n";
  for (const Command* command : kCommands)
    text += fmt::format("  {:<10} {}\n", command->name, command->summary);
  return text +
         "  help       'help COMMAND', 'help filter', 'help columns',\n"
         "             'help alerts', 'help keys', 'help times'\n"
         "\n"
         "The help of each command lists its options. -V, --version prints the version. Exit "
         "codes: 0 done, 1 failed, 2 wrong usage, 3 something could not be observed\n"
         "(with --strict), 4 not permitted, 5 the kernel lacks something.\n"
         "\n"
         "Options for every run can be set in ~/.config/sockscope/config.toml and, below it, in\n"
         "/etc/sockscope/config.toml: see 'man sockscope-config'. --config FILE reads only that\n"
         "file, --no-config reads none.\n"
         "\n"
         "Where eBPF is refused, sockscope polls sock_diag or /proc instead, and prints a note "
         "that\n"
         "says what it misses then. --source chooses one of ebpf, sock_diag and procfs.\n";
}

std::string version_text() {
  utsname kernel{};
  ::uname(&kernel);
  return fmt::format(
      "sockscope {}\n"
      "kernel     {} {}, BTF {}\n"
      "compiler   {}\n"
      "licence    Apache-2.0; kernel programs GPL-2.0-only OR BSD-2-Clause\n",
      version(), kernel.release, kernel.machine,
      ::access("/sys/kernel/btf/vmlinux", R_OK) == 0 ? "yes" : "no", __VERSION__);
}

}  // namespace sockscope
