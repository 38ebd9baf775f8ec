// SPDX-License-Identifier: Apache-2.0
#include <limits.h>
#include <malloc.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>

#include "base/kernel_namespace.h"
#include "cli/commands/top.h"
#include "cli/confinement.h"
#include "cli/lookup.h"
#include "cli/report.h"
#include "cli/wishes.h"
#include "model/diagnosis.h"
#include "model/match.h"
#include "tui/driver.h"
#include "tui/loop.h"
#include "view/columns.h"

namespace sockscope {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool wants_colour(const TopArguments& arguments) {
  if (arguments.colour != "auto") return arguments.colour == "always";
  return is_set("CLICOLOR_FORCE") || !is_set("NO_COLOR");
}

tui::State first_state(const TopArguments& arguments, FlowFilter filter,
                       const tui::Driver& driver) {
  tui::State state;
  state.filter = std::move(filter);
  state.filter_text = arguments.filter;
  state.lookup_user = user_id;
  state.keys = arguments.keys;
  tui::Settings& settings = state.settings;
  settings.units = arguments.units;
  state.hidden_events = 1u << static_cast<unsigned>(EventKind::kDns) |
                        1u << static_cast<unsigned>(EventKind::kRefused);
  settings.idle = arguments.idle;
  settings.read_only = arguments.read_only;
  settings.interval_ms = static_cast<std::uint64_t>(arguments.interval.count());
  settings.ascii = arguments.ascii || arguments.graph == "ascii" || !driver.is_utf8();
  if (settings.ascii) state.keys.use_ascii();
  const bool braille = driver.has_braille() && arguments.graph != "block";
  settings.plot = settings.ascii || braille || arguments.graph == "braille"
                      ? tui::PlotStyle::kBraille
                      : tui::PlotStyle::kBlock;
  if (!arguments.theme.empty()) settings.theme = arguments.theme;
  if (!arguments.sort.empty()) {
    const auto sort_by = [&](const tui::View& view, const auto* column) {
      tui::Table& table = state.table_of(view);
      if (column != nullptr) table.sort = column->id;
      table.reverse = arguments.reverse;
    };
    sort_by(tui::kProcessesView, find_column<Process>(arguments.sort));
    sort_by(tui::kConnectionsView, find_column<Flow>(arguments.sort));
  }
  return state;
}

}  // namespace

int top_screen(const TopArguments& arguments, const Options& observed) {
  auto filter = compile_filter(arguments);
  if (!filter) return kExitUsage;
  if (!arguments.sort.empty() && !find_column<Process>(arguments.sort) &&
      !find_column<Flow>(arguments.sort)) {
    report("cannot use --sort: " + parse_column<Process>(arguments.sort).error(), "", "");
    return kExitUsage;
  }
  // Checked before anything is loaded, so that the message is not on a screen that disappears.
  if (auto usable = tui::Driver::check(); !usable) return report(usable.error());
  auto monitor = open_monitor(arguments, observed);
  if (!monitor) return report(monitor.error());
  const std::vector<Door> doors =
      complete_doors(monitor->doors(), arguments.options, monitor->source());
  if (!arguments.quiet) report_unobserved(doors, arguments.options);
  // Sends no echo request before the view of the host is shown.
  auto host = HostMonitor::open({.root = arguments.root, .probe = false});
  ::malloc_trim(0);  // reading the kernel's types leaves much free memory

  tui::DriverOptions options;
  options.colour = wants_colour(arguments);
  options.mouse = arguments.mouse;
  options.theme = *tui::find_theme(!arguments.theme.empty() ? std::string_view(arguments.theme)
                                   : options.colour         ? "default"
                                                            : "mono");
  // Both need privileges: this number, and to open a terminal that belongs to another user.
  const std::uint32_t host_namespace = host_netns();
  auto driver = tui::Driver::open(options);
  if (!driver) return report(driver.error());
  const Allowed allowed{.new_files = true, .signals = !arguments.read_only};
  if (auto shed = shed_privileges(monitor->source(), true, allowed); !shed) {
    { const tui::Driver restores = std::move(*driver); }
    return report(shed.error());
  }

  utsname kernel{};
  ::uname(&kernel);
  tui::LoopOptions loop;
  loop.host = this_host();
  tui::Model& model = loop.model;
  model.kernel = kernel.release;
  if (splits_processes(arguments.options.filter)) model.history.sum_connections();
  model.home_netns = home_netns();
  model.host_netns = host_namespace;
  model.keep_closed_ms = static_cast<std::uint64_t>(observed.keep_closed.count());
  model.unobserved = unobserved(doors);
  model.source = monitor->source() == Source::kEbpf ? "eBPF" : to_string(monitor->source());
  if (host)
    loop.host_monitor = &*host;
  else
    model.host_problem = host.error().message();
  loop.probe = arguments.probe.value_or(false);
  model.user_name = user_name;
  model.netns_name = netns_name;
  model.port_name = port_name;
  loop.duration = arguments.duration;
  loop.thresholds = arguments.thresholds;
  loop.state = first_state(arguments, std::move(*filter), *driver);
  const auto done = tui::run_loop(*monitor, std::move(*driver), std::move(loop));
  if (!done) return report(done.error());
  return arguments.strict && !unobserved(doors).empty() ? kExitIncomplete : kExitDone;
}

}  // namespace sockscope
