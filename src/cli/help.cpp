// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <sockscope/alert.h>
#include <sockscope/monitor.h>

#include "tui/key_map.h"
#include "view/columns.h"

namespace sockscope {

std::string_view examples_of(std::string_view command) {
  if (command == "top")
    return "Processes, connections, remote ends, events and the host itself, live on a full screen;\n"
           "? there is help.\n"
           "\n"
           "  sudo sockscope top\n"
           "  sudo sockscope top --read-only        without the menu that sends signals\n"
           "  sudo sockscope top --plain            tables, one every second\n"
           "  sudo sockscope top --once             one table, then done\n"
           "  sudo sockscope top -c nginx --sort tx_rate\n"
           "  sudo sockscope top --json -i 10 >log  a snapshot per line\n";
  if (command == "snapshot")
    return "Every TCP and UDP socket of the host, now.\n"
           "\n"
           "  sudo sockscope snapshot\n"
           "  sudo sockscope snapshot -P 443 --sort rx_bytes --top 10\n"
           "  sudo sockscope snapshot --filter 'state:EST rtt>20'\n"
           "  sudo sockscope snapshot --json | jq '.flows[] | select(.retransmits > 0)'\n"
           "  sudo sockscope snapshot --format netwatch --watch -i 10  a NetWatch Snapshot a line\n"
           "  ss -tunapi | sockscope snapshot --from ss:-\n";
  if (command == "host")
    return "Interfaces, processors, memory, disks, gateway and DNS server, over one interval.\n"
           "\n"
           "  sudo sockscope host\n"
           "  sudo sockscope host --watch -i 5      until Ctrl-C\n"
           "  sudo sockscope host --json | jq '.gateway.loss_pct'\n";
  if (command == "trace")
    return "A line per event as it happens: connect, accept, connect_failed, close, retransmit, "
           "reset.\n"
           "\n"
           "  sudo sockscope trace                  until Ctrl-C\n"
           "  sudo sockscope trace -x               failed connections only\n"
           "  sudo sockscope trace -p 1234 --data   each send and receive of one process\n"
           "  sudo sockscope trace --dns            also DNS queries and answers, and names of "
           "remote ends\n"
           "  sudo sockscope trace --udp-peers      also remote ends of unconnected UDP sockets\n"
           "  sudo sockscope trace --alerts         port scans, beacons, floods, failures\n"
           "  sudo sockscope trace --json -d 60 >connections.ndjson\n";
  if (command == "doctor")
    return "What can be observed on this host, through which door, and what to do about the rest.\n"
           "\n"
           "  sudo sockscope doctor\n"
           "  sockscope doctor --json | jq '.observations[] | select(.door == null)'\n";
  if (command == "story")
    return "A line per process when it ends: who it was, what it did on the network, how it ended.\n"
           "\n"
           "  sudo sockscope story                  until Ctrl-C\n"
           "  sudo sockscope story -c curl -d 60\n"
           "  sudo sockscope story --talkers --unit nginx\n"
           "  sudo sockscope story --json | jq 'select(.exit_code != 0)'\n";
  if (command == "capture")
    return "Packets of chosen processes and connections, each with its process, as a pcapng file.\n"
           "\n"
           "  sudo sockscope capture -w web.pcapng -c nginx -d 60\n"
           "  sudo sockscope capture -w - --filter 'dport:443' | wireshark -k -i -\n"
           "  sudo sockscope capture -w - -p 1234 --bpf 'udp' | tshark -r - -T fields -e frame.comment\n"
           "  sudo sockscope capture -w all.pcapng --all --snaplen 96 --count 1000\n";
  return "";
}

std::string_view notes_of(std::string_view command) {
  if (command == "trace")
    return "\nPolled sources (--source sock_diag, procfs) tell what differs from poll to poll: what is\n"
           "shorter than 250 ms can be missed.\n"
           "\nA gap line says what was lost at that point. The end of a JSON stream is a record\n"
           "with the number of events and of all that was lost.\n";
  if (command == "doctor")
    return "\nExit code 0: nothing is missing; 3: something is; 4 and 5: nothing can be observed the\n"
           "way --source or --doors want it.\n";
  if (command == "capture")
    return "\nThe comment of a packet: 'tx pid=42 comm=curl flow=4711 owner=exact'; on loopback there are\n"
           "two, of the sender (tx) and of the receiver (rx). flow is the cookie that trace --json and\n"
           "snapshot --json have too. Seen are the packets of the network namespace the command runs in:\n"
           "nsenter -t PID -n sockscope capture … shows a container's.\n";
  if (command == "top")
    return "\nGateway and DNS server are asked for echoes once the host's view (5) was shown, never before.\n";
  if (command == "host")
    return "\nWithout privileges all is shown but the processes' share of the interfaces' bytes.\n";
  return "";
}

std::string overview() {
  return "sockscope shows which process on this host talks to whom, how much and how well.\n"
         "\n"
         "  sudo sockscope top                    processes and connections with live rates\n"
         "  sudo sockscope snapshot               every TCP and UDP socket, now\n"
         "  sudo sockscope trace                  connections as they come and go\n"
         "  sudo sockscope doctor                 what can be observed here, and why not the rest\n"
         "  sudo sockscope story                  what each process did, when it ends\n"
         "  sudo sockscope host                   interfaces, system, disks, gateway, DNS\n"
         "  sudo sockscope capture -w FILE        packets, each with its process\n"
         "\n"
         "Commands\n"
         "  top        the full screen, or tables at an interval\n"
         "  snapshot   the sockets at one moment\n"
         "  trace      a line per event\n"
         "  doctor     what this host lets us observe\n"
         "  story      a line per process when it ends\n"
         "  host       the host around the sockets\n"
         "  capture    packets of processes and connections, for Wireshark\n"
         "  help       'help COMMAND', 'help filter', 'help columns',\n"
         "             'help alerts', 'help keys'\n"
         "\n"
         "Options common to all commands stand in the help of each. -V, --version prints the\n"
         "version. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something could not be observed\n"
         "(with --strict), 4 not permitted, 5 the kernel lacks something.\n"
         "\n"
         "~/.config/sockscope/config.toml, then /etc/sockscope/config.toml, hold what is wanted each\n"
         "time, see 'man sockscope-config'; --config FILE takes that one only, --no-config none.\n"
         "\n"
         "Where eBPF is refused, sock_diag or /proc is polled instead and a note says what is missed;\n"
         "--source asks for one of ebpf, sock_diag, procfs.\n";
}

std::string topic(std::string_view name) {
  if (name == "filter")
    return "The filter language of --filter\n"
           "\n"
           "  nginx            a word: part of the process's name, of an address or of its name\n"
           "  comm:curl        key:value; keys: pid comm user netns proto state port sport dport\n"
           "                   src dst remote_name dir owner rx tx rxbytes txbytes rtt retr exe cmdline unit\n"
           "                   container pod cgroup parent ppid session\n"
           "  dst:10.0.0.0/8   src (local) and dst (remote) take networks\n"
           "  port:8000-8100   either end's port; sport the local one, dport the remote one\n"
           "  rx>10M rtt>20    numbers compare with < <= > >= and take k M G and Ki Mi Gi; rx and\n"
           "                   tx in bytes a second, rtt in ms, retr counts retransmits\n"
           "  /re/ comm:/re/   regular expressions\n"
           "  !word            not\n"
           "  a b              and;  a | b  or, which binds less\n"
           "\n"
           "What is not known (a rate not measured yet) matches no comparison.\n";
  if (name == "alerts") {
    std::string text =
        "Alerts of trace --alerts, top --json and snapshot --format netwatch --watch\n"
        "\n"
        "One condition is one alert: it begins, may get worse, and ends when it was not seen for\n"
        "a minute. What --filter and its like leave out is not looked at: --filter '!comm:probe'\n"
        "is an exception. Thresholds of --threshold NAME=VALUE,...\n"
        "\n";
    const AlertOptions defaults;
    for (const Threshold& threshold : thresholds())
      text += fmt::format("  {:<20}{:>11}  {}\n", threshold.name,
                          fmt::format("{}", defaults.*threshold.member), threshold.meaning);
    return text;
  }
  if (name == "keys") {
    std::string text =
        "Keys of the full screen of top\n"
        "\n"
        "In a configuration file (man sockscope-config) [keys] gives other ones: quit = \"Q\", or\n"
        "down = [\"Down\", \"F5\"], or none: signal = [].\n"
        "\n";
    for (const tui::ActionSpec& spec : tui::actions())
      text += fmt::format("  {:<18}{:<14}{}\n", spec.name, spec.keys, spec.meaning);
    return text;
  }
  if (name == "columns")
    return "Columns of connections (snapshot, trace)\n\n" + column_help<Flow>() +
           "\nColumns of processes (top)\n\n" + column_help<Process>();
  return "";
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
