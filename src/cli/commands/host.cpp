// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <malloc.h>
#include <sockscope/host.h>

#include <algorithm>
#include <utility>

#include "base/kernel_namespace.h"
#include "base/timestamp.h"
#include "cli/command.h"
#include "cli/confinement.h"
#include "cli/every_interval.h"
#include "cli/lookup.h"
#include "cli/option_groups.h"
#include "cli/report.h"
#include "cli/session.h"
#include "format/host_json.h"
#include "view/host_text.h"
#include "view/table.h"

namespace sockscope {
namespace {

using Cells = std::vector<std::string>;

// Columns as wide as their content. `left`: for each column 'l' if it is aligned left, otherwise
// 'r'.
std::vector<std::string> columns(const std::vector<Cells>& rows, std::string_view left) {
  std::vector<std::size_t> widths;
  for (const Cells& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::vector<std::string> lines;
  for (const Cells& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i != 0) line += "  ";
      const bool is_left = i < left.size() && left[i] == 'l';
      line += is_left ? pad_right(row[i], widths[i]) : pad_left(row[i], widths[i]);
    }
    while (line.ends_with(' ')) line.pop_back();
    lines.push_back(std::move(line));
  }
  return lines;
}

// The last sums of both directions; the tallest bar is the largest of them.
std::string spark_line(const Interface& interface) {
  constexpr std::size_t kBars = 15;
  static constexpr const char* kHeights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::size_t size = interface.rx_history.size();
  const std::size_t first = size > kBars ? size - kBars : 0;
  std::vector<std::uint64_t> rates;
  for (std::size_t i = first; i < size; ++i)
    rates.push_back(interface.rx_history[i] + interface.tx_history[i]);
  const std::uint64_t most = rates.empty() ? 0 : *std::max_element(rates.begin(), rates.end());
  std::string line;
  for (const std::uint64_t rate : rates) {
    const double part = most == 0 ? 0 : static_cast<double>(rate) / static_cast<double>(most);
    line += kHeights[static_cast<std::size_t>(part * 7 + 0.5)];
  }
  return line;
}

std::string probe_line(std::string_view name, const ProbeHealth& health) {
  const std::string line = fmt::format(
      "{:<8} {}", name, health.target ? to_string(*health.target) : std::string(kUnknown));
  return line + "  " + probe_text(health);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string line;
  for (const std::string& text : texts) line += (line.empty() ? "" : " ") + clean_text(text);
  return line;
}

void print_system(const SystemFacts& facts, Output& output) {
  std::string line = "cpu      ";
  line += facts.cpu_usage_pct ? fmt::format("{:.1f} %", *facts.cpu_usage_pct) : kUnknown;
  if (!facts.cpu_per_core.empty()) {
    line += "  cores";
    constexpr std::size_t kMostCores = 16;
    for (std::size_t i = 0; i < std::min(facts.cpu_per_core.size(), kMostCores); ++i)
      line += fmt::format(" {:.0f}", facts.cpu_per_core[i]);
    if (facts.cpu_per_core.size() > kMostCores) line += " …";
  }
  if (facts.load_1m && facts.load_5m && facts.load_15m)
    line +=
        fmt::format("  load {:.2f} {:.2f} {:.2f}", *facts.load_1m, *facts.load_5m, *facts.load_15m);
  output.line(line);
  output.line(fmt::format("memory   {} of {} used, {} available; swap {} of {}",
                          bytes_text(facts.memory_used_bytes), bytes_text(facts.memory_total_bytes),
                          bytes_text(facts.memory_available_bytes),
                          bytes_text(facts.swap_used_bytes), bytes_text(facts.swap_total_bytes)));
}

std::string listen_line(const HostFacts& facts) {
  if (!facts.listen_drops) return fmt::format("tcp      listen drops {}", kUnknown);
  return fmt::format("tcp      listen drops {} since boot", *facts.listen_drops);
}

void print_interfaces(const HostFacts& facts, Units units, Output& output) {
  std::vector<Cells> rows{{"INTERFACE", "STATE", "SPEED", "RX/s", "TX/s", "RX", "TX", "ERR", "DROP",
                           "LAST", "ADDRESSES"}};
  for (const Interface& interface : facts.interfaces) {
    const InterfaceCounters& counters = interface.counters;
    std::vector<std::string> addresses;
    for (const InterfaceAddress& address : interface.addresses)
      addresses.push_back(to_string(address));
    rows.push_back({clean_text(interface.name), interface.is_up ? "up" : "down",
                    speed_text(interface), rate_text(interface.rx_rate, units),
                    rate_text(interface.tx_rate, units), format_bytes(counters.rx_bytes),
                    format_bytes(counters.tx_bytes),
                    std::to_string(counters.rx_errors + counters.tx_errors),
                    std::to_string(counters.rx_drops + counters.tx_drops), spark_line(interface),
                    joined(addresses)});
  }
  for (const std::string& line : columns(rows, "llrrrrrrrll")) output.line(line);
}

void print_disks(const HostFacts& facts, Output& output) {
  std::vector<Cells> rows{{"DISK", "MOUNTED ON", "SIZE", "USED", "AVAIL", "USE%"}};
  for (const Disk& disk : facts.disks)
    rows.push_back({clean_text(disk.device), clean_text(disk.mount_point),
                    format_bytes(disk.total_bytes), format_bytes(disk.used_bytes),
                    format_bytes(disk.available_bytes), fmt::format("{:.0f}", disk.usage_pct)});
  for (const std::string& line : columns(rows, "llrrrr")) output.line(line);
  if (facts.disk_io)
    output.line(fmt::format("disks read {} and wrote {} since boot",
                            format_bytes(facts.disk_io->read_bytes),
                            format_bytes(facts.disk_io->write_bytes)));
}

void print_bytes(const std::optional<Reconciliation>& bytes, const std::string& problem,
                 Output& output) {
  if (!bytes) {
    output.line("processes against interfaces: not known; " + clean_text(problem));
    return;
  }
  const std::vector<Cells> rows{
      {fmt::format("BYTES IN {:.1f} s", bytes->interval_s), "RX", "TX", ""},
      {"on interfaces", format_bytes(bytes->interface_rx_bytes),
       format_bytes(bytes->interface_tx_bytes), joined(bytes->counted)},
      {"of processes", format_bytes(bytes->process_rx_bytes), format_bytes(bytes->process_tx_bytes),
       "payload"},
      {"unexplained", signed_bytes(bytes->unexplained_rx_bytes),
       signed_bytes(bytes->unexplained_tx_bytes), "headers, forwarded, other namespaces, kernel"}};
  for (const std::string& line : columns(rows, "lrrl")) output.line(line);
}

class HostTable : public TextSink {
 public:
  HostTable(Output& output, HostId host, Units units, bool is_one_of_many)
      : TextSink(output), host_(std::move(host)), units_(units), is_one_of_many_(is_one_of_many) {}

  void host(const HostReport& report) override {
    const HostFacts& facts = report.facts;
    output_.line(fmt::format("sockscope host  {}  {}  {:.1f} s", clean_text(host_.name),
                             time_of_day(facts.wall_ns).substr(0, 8),
                             facts.interval_s.value_or(0)));
    print_system(facts.system, output_);
    output_.line(listen_line(facts));
    output_.line(probe_line("gateway", facts.gateway));
    output_.line(probe_line("dns", facts.dns));
    const bool sends = facts.gateway.problem.empty() || facts.dns.problem.empty();
    if (facts.probes && sends)
      output_.line("         these two are asked for three echoes a second");
    output_.line("");
    print_interfaces(facts, units_, output_);
    output_.line("");
    print_disks(facts, output_);
    output_.line("");
    print_bytes(report.bytes, report.problem, output_);
    if (is_one_of_many_) output_.line("");
  }

 private:
  HostId host_;
  Units units_;
  bool is_one_of_many_;
};

// A line per interface.
class HostCsv : public TextSink {
 public:
  using TextSink::TextSink;

  void host(const HostReport& report) override {
    if (!std::exchange(has_heading_, true))
      output_.line(
          "ts_ns,interface,is_up,mtu,speed_bits,rx_rate,tx_rate,rx_bytes,tx_bytes,rx_packets,"
          "tx_packets,rx_errors,tx_errors,rx_drops,tx_drops");
    const auto known = [](const auto& value) {
      return value ? fmt::format("{:.0f}", static_cast<double>(*value)) : std::string();
    };
    for (const Interface& each : report.facts.interfaces) {
      const InterfaceCounters& counters = each.counters;
      output_.line(fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", report.facts.wall_ns,
                               csv_text(clean_text(each.name), {}), each.is_up, each.mtu,
                               known(each.speed_bits), known(each.rx_rate), known(each.tx_rate),
                               counters.rx_bytes, counters.tx_bytes, counters.rx_packets,
                               counters.tx_packets, counters.rx_errors, counters.tx_errors,
                               counters.rx_drops, counters.tx_drops));
    }
  }

 private:
  bool has_heading_ = false;
};

struct HostArguments : Arguments {
  // Polled sources count no UDP, or nothing at all.
  HostArguments() { options.source = Source::kEbpf; }
};

void declare(CLI::App& app, HostArguments& arguments) {
  add_format(app, arguments, OutputFormat::kJson);
  add_units(app, arguments);
  add_quiet_and_strict(app, arguments);
  add_source(app, arguments);
  add_watch(app, arguments, "one per interval");
  add_time_limits(app, arguments, "tables");
  add_host_facts(app, arguments);
  add_probe(app, arguments);
  app.final_callback([&app, &arguments] {
    if (!arguments.watch) refuse(app, {"--duration", "--count"}, "needs --watch");
  });
}

Options observe(const HostArguments& arguments) {
  Options options = asked_options(arguments);
  options.quality = false;
  options.settle_owner = {};
  return options;
}

int run(const HostArguments& arguments, const Options& observed) {
  auto host = HostMonitor::open({.root = arguments.root, .probe = arguments.probe.value_or(false)});
  if (!host) return report(host.error());
  // Without the monitor everything but the processes' bytes is shown.
  std::string problem;
  auto monitor = Monitor::open(observed);
  if (!monitor) problem = monitor.error().message();
  ::malloc_trim(0);
  // File systems may be mounted where only root may look.
  if (auto shed = shed_privileges(Source::kEbpf, true); !shed) return report(shed.error());
  const Fd signals = take_stop_signals();
  Output output(signals.get());
  const HostId id = this_host();
  Sinks sinks = make_sinks(arguments, output, id, [&]() -> std::unique_ptr<Sink> {
    if (arguments.format == OutputFormat::kCsv) return std::make_unique<HostCsv>(output);
    return std::make_unique<HostTable>(output, id, arguments.units, arguments.watch);
  });
  const std::uint32_t netns = home_netns();

  if (auto first = host->read(); !first) return report(first.error());
  std::vector<int> files;
  if (monitor) {
    if (auto first = monitor->snapshot(); !first) return report(first.error());
    files.push_back(monitor->fd());
  }
  std::uint64_t printed = 0;
  const auto step = [&](Wake wake) -> Result<bool> {
    if (wake == Wake::kFiles)
      return monitor->consume([](const Event&) {}).map([](std::size_t) { return true; });
    if (!arguments.watch) host->wait_for_probes();
    auto facts = host->read();
    if (!facts) return tl::make_unexpected(std::move(facts).error());
    std::optional<Reconciliation> bytes;
    if (monitor) {
      auto snapshot = monitor->snapshot();
      if (!snapshot) return tl::make_unexpected(std::move(snapshot).error());
      bytes = reconcile(*facts, *snapshot, netns);
    }
    sinks.tell(&Sink::host, {*facts, bytes, problem});
    return arguments.watch && !arguments.is_enough(++printed);
  };
  const auto ended =
      every_interval({.interval = arguments.interval, .duration = arguments.duration},
                     signals.get(), files, sinks, step);
  if (!ended) return report(ended.error());
  if (*ended == Wake::kReaderGone) return sinks.exit_code();
  return arguments.strict && !monitor ? kExitIncomplete : kExitDone;
}

}  // namespace

const Command kHost = make_command<HostArguments, declare, observe, run>({
    .name = "host",
    .usage = "host",
    .promise = "interfaces, system, disks, gateway, DNS",
    .summary = "the host around the sockets",
    .examples =
        "Interfaces, processors, memory, disks, gateway and DNS server, over one interval.\n"
        "\n"
        "  sudo sockscope host\n"
        "  sudo sockscope host --watch -i 5      until Ctrl-C\n"
        "  sudo sockscope host -o csv --watch    a line per interface\n"
        "  sudo sockscope host --json | jq '.gateway.loss_pct'\n",
    .notes =
        "\nWithout privileges everything is shown except the processes' share of the interfaces' "
        "bytes.\n",
});

}  // namespace sockscope
