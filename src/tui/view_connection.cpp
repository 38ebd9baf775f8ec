// SPDX-License-Identifier: Apache-2.0
// One connection: rates, round trips, loss, what happened to it.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/text.h"
#include "base/timestamp.h"
#include "tui/details.h"
#include "tui/flow_cells.h"
#include "tui/view.h"
#include "view/flow_text.h"
#include "view/host_text.h"

namespace sockscope::tui {
namespace {

constexpr int kLeftPane = 82;

constexpr FooterKey kFooter[] = {
    {Action::kBack},  {Action::kDown, "next/prev connection", Action::kUp},
    {Action::kCopy},  {Action::kFreeze},
    {Action::kWrite}, {Action::kHelp}};

std::string how_known(OwnerKind kind) {
  switch (kind) {
    case OwnerKind::kExact: return "seen using it";
    case OwnerKind::kInherited: return "as its listener's";
    case OwnerKind::kBootstrap: return "found holding it";
    case OwnerKind::kKernel: return "made by the kernel for itself";
    case OwnerKind::kUnknown: break;
  }
  return "not known";
}

// Whether this end's port is the one that identifies the service.
bool serves(const Flow& flow) {
  if (flow.direction != Direction::kUnknown) return flow.direction != Direction::kOutbound;
  return flow.remote.addr.is_unspecified() || flow.local.port < flow.remote.port;
}

// " (https)"; empty: the port has no name.
std::string service_of(const Model& model, const Endpoint& end, const Flow& flow) {
  const std::string name = model.port_name ? model.port_name(end.port, flow.protocol) : "";
  return name.empty() ? name : fmt::format(" ({})", clean_text(name));
}

std::string known_number(const std::optional<std::uint32_t>& value) {
  return value ? std::to_string(*value) : "—";
}

// "97%" of the time that the connection was busy.
std::string share_of(const std::optional<std::uint64_t>& part,
                     const std::optional<std::uint64_t>& whole) {
  if (!part || !whole) return "—";
  if (*whole == 0) return "0%";
  return fmt::format("{:.0f}%", 100.0 * static_cast<double>(*part) / static_cast<double>(*whole));
}

// As a share of the connection's life, or, when that is not known, as a duration.
std::string busy_text(const TcpInternals& tcp, const std::optional<std::uint64_t>& life_us) {
  if (!tcp.busy_us) return kUnknown;
  // The kernel counts in ticks, so the sum may be a little more than the connection's life.
  if (life_us && *life_us != 0) return share_of(std::min(*tcp.busy_us, *life_us), life_us);
  return format_duration_us(*tcp.busy_us);
}

// "3 s", "2m10s": how long before the moment on the screen its last segment was sent again. Without
// an event for it, as exact as the samples; empty: it was before all of them.
std::string last_retransmit(const Model& model, const State& state, const Flow& flow) {
  const std::size_t index = shown_index(model, state);
  const std::uint64_t now = model.history[index].wall_ns;
  std::uint64_t last = 0;
  const auto& log = model.events.all();
  for (auto each = log.rbegin(); each != log.rend() && last == 0; ++each) {
    if (state.is_frozen() && each->first > state.frozen_event) continue;
    const Event& event = each->second.event;
    if (event.kind() == EventKind::kRetransmit && event.flow.cookie == flow.cookie)
      last = each->second.last_wall_ns;
  }
  for (std::size_t i = index; i > 0 && model.history[i].wall_ns > last; --i) {
    const Flow* after = model.history.find_flow(model.history[i], flow.cookie);
    const Flow* before = model.history.find_flow(model.history[i - 1], flow.cookie);
    if (after == nullptr || before == nullptr) break;
    if (after->counters.retransmits == before->counters.retransmits) continue;
    if (model.history[i - 1].wall_ns >= last) last = model.history[i].wall_ns;
    break;
  }
  if (last == 0) return "";
  const std::uint64_t seconds = now > last ? (now - last) / 1'000'000'000 : 0;
  return seconds < 60 ? fmt::format("{} s", seconds) : format_duration_us(seconds * 1'000'000);
}

void put_tcp(const Model& model, const State& state, const Flow& flow, int last, int& y, int right,
             Screen& screen) {
  const Counters& c = flow.counters;
  Grid& grid = screen.grid;
  if (flow.protocol != Protocol::kTcp) {
    if (!flow.has_counters) return;
    put_fact(y++, "UDP", fmt::format("{} datagrams in, {} out", c.rx_segments, c.tx_segments), grid,
             right);
    return;
  }
  const TcpInternals* tcp = internals_of(model, state, flow);
  if (flow.state == TcpState::kListen) {
    if (tcp != nullptr && y < last)
      put_fact(
          y++, "Queue",
          fmt::format("{} wait to be accepted, {} may wait", tcp->receive_queue, tcp->send_queue),
          grid, right);
    return;
  }
  if (tcp != nullptr && y < last)
    put_fact(y++, "TCP",
             fmt::format("cwnd {}  ssthresh {}  mss {}  pmtu {}  cc {}  {} {}",
                         tcp->congestion_window, known_number(tcp->slow_start_threshold), tcp->mss,
                         tcp->path_mtu, clean_text(tcp->congestion_control.data()),
                         tcp->receive_window ? "rcvwnd" : "rcvspace",
                         format_bytes(tcp->receive_window.value_or(tcp->receive_space))),
             grid, right);
  if (!flow.has_counters) return;
  if (y >= last) return;
  const double share = c.tx_segments == 0 ? 0 : c.retransmits / static_cast<double>(c.tx_segments);
  grid.put(1, y, "Loss", {Role::kTitle});
  int x = grid.put(10, y, fmt::format("retrans {} ({:.2f}% of sent)", c.retransmits, share * 100),
                   {share_role(share, static_cast<double>(c.tx_segments))});
  std::vector<std::string> more;
  if (c.retransmits != 0) {
    const std::string ago = last_retransmit(model, state, flow);
    more.push_back(ago.empty() ? "last —" : fmt::format("last {} ago", ago));
  }
  if (tcp != nullptr) {
    more.push_back("RTO " + format_duration_us(tcp->retransmit_timeout_us));
    more.push_back(fmt::format("lost {}", tcp->lost));
    more.push_back("reorder " + known_number(tcp->reorderings_seen));
    more.push_back("dsack " + known_number(tcp->duplicate_acks));
  }
  // What does not fit into the line gets another one, unless the events need that.
  const bool may_wrap = grid.size().rows >= 30;
  for (const std::string& text : more) {
    const int width = static_cast<int>(display_width(text));
    if (x + 2 + width > right) {
      if (!may_wrap || y + 1 >= last) continue;
      ++y;
      x = 8;
    }
    x = grid.put(x + 2, y, text, {}, right);
  }
  ++y;
  if (tcp != nullptr && y < last)
    put_fact(y++, "Limit",
             fmt::format("busy {}  rwnd-limited {}  sndbuf-limited {}  notsent {}  unacked {}",
                         busy_text(*tcp, age_us(model, state, flow)),
                         share_of(tcp->receiver_limited_us, tcp->busy_us),
                         share_of(tcp->buffer_limited_us, tcp->busy_us),
                         tcp->unsent_bytes ? format_bytes(*tcp->unsent_bytes) : "—", tcp->unacked),
             grid, right);
}

// Null: it is not in the samples, or has no cookie to be found by.
const Flow* shown_flow(const Model& model, const State& state) {
  const bool is_of_event = state.connection.a == 0 && state.event != 0;
  return is_of_event ? nullptr : find_shown_flow(model, state, state.connection.a);
}

// The other end, where its addresses are not simply those of this end: in another network
// namespace, or translated.
std::string foreign_end_text(const Model& model, const Flow& flow) {
  const OtherEnd* const other = flow.other_end.get();
  if (other == nullptr || (other->netns == flow.netns && other->local == flow.remote)) return {};
  return fmt::format("  other end {} ← {}  netns {}", to_string(other->local),
                     to_string(other->remote), netns_text(model, other->netns));
}

// Draws the process and both ends. Returns the next row.
int put_ends(const Model& model, const State& state, const Flow& flow, int y, int right, bool full,
             Screen& screen) {
  Grid& grid = screen.grid;
  put_fact(y++, "Process",
           process_line(model, flow.owner.name(), owner_of(flow), flow.owner.uid,
                        flow.owner.process.get()) +
               "  netns " + netns_text(model, flow.netns),
           grid, right);
  if (full) {
    put_fact(y++, "Command", command_of(flow.owner.process.get()), grid, right);
  }
  const bool is_served_here = serves(flow);
  const std::string local =
      to_string(flow.local) + (is_served_here ? service_of(model, flow.local, flow) : "");
  const std::string remote =
      flow.remote.addr.is_unspecified()
          ? "*"
          : remote_text(flow) + (is_served_here ? "" : service_of(model, flow.remote, flow));
  if (static_cast<int>(local.size() + remote.size()) + 24 <= right) {
    put_fact(y, "Local", local, grid);
    const int x = std::max(34, 12 + static_cast<int>(local.size()));
    grid.put(x, y, "Remote", {Role::kTitle});
    grid.put(x + 8, y++, remote);
  } else {
    put_fact(y++, "Local", local, grid);
    put_fact(y++, "Remote", remote, grid);
  }
  if (const std::string translated = translation_text(flow); !translated.empty())
    put_fact(y++, "NAT", translated, grid, right);
  if (full && flow.conn_id != ConnectionId::kUnknown)
    put_fact(y++, "Conn id", to_string(flow.conn_id) + foreign_end_text(model, flow), grid, right);
  if (const RemoteName* known = flow.remote_name.get()) {
    put_fact(y++, "Name",
             clean_text(known->name) + "  " +
                 describe_name_source(*known, moment_of(model, state, flow)),
             grid, right);
  }
  return y;
}

// For a connection that is not in the sample: the event it was opened from, otherwise its last one;
// null: no event is known.
const LoggedEvent* event_of(const Model& model, const State& state) {
  if (const LoggedEvent* logged = model.events.find(state.event)) return logged;
  const auto& log = model.events.all();
  for (auto each = log.rbegin(); each != log.rend(); ++each) {
    const bool is_known = !state.is_frozen() || each->first <= state.frozen_event;
    const std::uint64_t cookie = each->second.event.flow.cookie;
    if (is_known && cookie != 0 && cookie == state.connection.a) return &each->second;
  }
  return nullptr;
}

// "Connection refused (ECONNREFUSED)"
std::string reason_of(const event::ConnectFailed& failed, bool is_narrow) {
  if (failed.error == 0) return "not known";
  if (failed.error == ECANCELED) return "given up by the program";
  const std::string text = std::strerror(failed.error);
  return is_narrow ? text : fmt::format("{} ({})", text, errno_name(failed.error));
}

// Draws what the event tells. Returns the next row.
int put_event(const LoggedEvent& logged, int y, Grid& grid) {
  const Event& event = logged.event;
  put_fact(y++, "Event",
           fmt::format("{}  {}", short_event_name(event.kind()), time_of_day(logged.wall_ns)),
           grid);
  const auto* const failed = std::get_if<event::ConnectFailed>(&event.what);
  if (failed == nullptr) {
    if (const std::string text = describe(logged, INT_MAX); !text.empty())
      put_fact(y++, "What", text, grid);
    return y;
  }
  put_fact(y++, "Why", reason_of(*failed, grid.size().columns < kNarrow), grid);
  std::string took = failed->latency_us == 0 ? kUnknown : format_duration_us(failed->latency_us);
  if (event.flow.has_counters && event.flow.counters.retransmits != 0)
    took += fmt::format(", {} SYNs", event.flow.counters.retransmits + 1);
  put_fact(y++, "Took", took, grid);
  return y;
}

void draw_past(const Model& model, const State& state, int last, Screen& screen) {
  Grid& grid = screen.grid;
  const Size size = grid.size();
  const bool full = size.rows >= 20;
  int y = 1;
  const LoggedEvent* const logged = event_of(model, state);
  if (logged == nullptr) {
    grid.put(1, y, "This connection is over, and none of its events is known.", {Role::kDim});
    return;
  }
  if (full) grid.rule(y++);
  y = put_ends(model, state, logged->event.flow, y, size.columns, full, screen);
  y = put_event(*logged, y, grid);
  if (full) grid.rule(y++);
  if (state.connection.a == 0 || y >= last) return;
  grid.put(1, y++, "This connection is over. Its last events:", {Role::kDim});
  draw_event_lines(model, state, state.connection.a, 3, y, last, size.columns, screen);
}

void draw(const Model& model, const State& state, const Frame& frame, Screen& screen) {
  Grid& grid = screen.grid;
  const Size size = grid.size();
  const std::uint64_t cookie = state.connection.a;
  const Flow* flow = shown_flow(model, state);
  int y = 1;
  const int last = frame.lower_rule >= 0 ? frame.lower_rule
                   : frame.footer >= 0   ? frame.footer
                                         : size.rows;
  if (flow == nullptr) {
    draw_past(model, state, last, screen);
    if (frame.lower_rule >= 0) grid.rule(frame.lower_rule);
    return;
  }
  const bool full = size.rows >= 20;
  // Wide screens show the events on the right, beside everything else.
  const bool wide = full && size.columns >= kWide;
  const int right = wide ? kLeftPane : size.columns;
  const auto rule = [&](int at) { grid.rule(at, right); };
  const int cells = std::clamp(right - 34, 4, 120);
  const Rates rates = shown_rates(
      model, state, cells, [&](const Sample& s) { return model.history.find_flow(s, cookie); });
  const Series rtt =
      shown_series(model, state, cells, [&](const Sample& s) -> std::optional<double> {
        const Flow* found = model.history.find_flow(s, cookie);
        if (found == nullptr || found->counters.srtt_us == 0) return std::nullopt;
        return found->counters.srtt_us;
      });
  const Counters& c = flow->counters;

  if (full) grid.rule(y++);
  if (wide) {
    for (int row = y; row < last; ++row) grid.put(right, row, "│", {Role::kDim});
    grid.put(right + 2, y, "Events (newest first)", {Role::kTitle});
    draw_event_lines(model, state, cookie, right + 2, y + 1, last, size.columns, screen);
  }
  y = put_ends(model, state, *flow, y, right, full, screen);
  std::string how(flow->protocol == Protocol::kTcp ? to_string(shown_state(*flow)) : "UDP");
  if (const auto age = age_us(model, state, *flow)) how += ' ' + format_duration_us(*age);
  put_fact(y, "State", how, grid);
  if (size.columns >= 60) {
    grid.put(34, y, "Owner", {Role::kTitle});
    grid.put(42, y, how_known(flow->owner.kind));
  }
  ++y;
  if (full) rule(y++);
  if (flow->has_counters) {
    const Figures now{flow->rx_rate, flow->tx_rate, c.rx_bytes,
                      c.tx_bytes,    c.rx_segments, c.tx_segments};
    put_rates(rates, now, y, state, screen);
  } else {
    grid.put(1, y, "↓ RX", {Role::kRx});
    grid.put(6, y, fmt::format("         —   {} does not count it", model.source), {}, right);
    grid.put(1, y + 1, "↑ TX", {Role::kTx});
    grid.put(6, y + 1, "         —");
  }
  y += 2;
  if (full) {
    const int plot_rows = std::clamp((size.rows - 24) / 8 + 1, 1, 8);
    put_plots(rates, 0, y, plot_rows, state, screen);
    const int x = cells + 9;
    if (c.srtt_us != 0) {
      std::uint32_t worst = c.srtt_us;
      for (const auto& value : rtt)
        worst = std::max(worst, static_cast<std::uint32_t>(value.value_or(0)));
      grid.put(x, y, fmt::format("RTT ms now {:>6}", format_ms(c.srtt_us)));
      std::string range = fmt::format(
          "min {} max {}", c.min_rtt_us == 0 ? "—" : format_ms(c.min_rtt_us), format_ms(worst));
      if (const TcpInternals* tcp = internals_of(model, state, *flow))
        range += " ±" + format_ms(tcp->rtt_variance_us);
      grid.put(x, y + 1, range);
      const auto plot_cells = static_cast<std::size_t>(std::max(right - x - 1, 0));
      const std::size_t points = std::min(plot_cells * 2, rtt.size());
      grid.put(x, y + 2, sparkline(std::span(rtt).last(points), state.settings.plot));
    }
    y += 2 * plot_rows + 1;
    rule(y++);
  }
  put_tcp(model, state, *flow, last, y, right, screen);
  if (full) rule(y++);
  if (wide) return grid.rule(frame.lower_rule);
  if (y < last) grid.put(1, y++, "Events (newest first)", {Role::kTitle});
  draw_event_lines(model, state, cookie, 3, y, last, size.columns, screen);
  if (frame.lower_rule >= 0) grid.rule(frame.lower_rule);
}

// The connection may have been opened after the frozen moment.
std::string json(const Model& model, const State& state, const DocumentSource& from) {
  const bool is_later = state.opened.find(state.connection.a) != nullptr;
  return write_flows(model, from, is_later ? model.history.newest() : shown_sample(model, state),
                     [&](const Flow& flow) { return RowKey::of(flow) == state.connection; });
}

}  // namespace

constinit const View kConnectionView = {
    .shows_events = true,
    .subject = &State::connection,
    .footer = kFooter,
    .help = [](const State& state) -> HelpLines {
      return {{"One connection: rates, round trips, loss, what happened to it.", ""},
              {state.keys.keys_of({Action::kDown, Action::kUp}),
               "next and previous connection of the list"}};
    },
    .crumbs = [](const Model& model, const State& state) -> std::string {
      const Flow* flow = model.history.empty() ? nullptr : shown_flow(model, state);
      if (flow == nullptr) {
        const LoggedEvent* const logged = event_of(model, state);
        if (logged == nullptr) return "▸ Conns ▸ gone";
        flow = &logged->event.flow;
      }
      std::string who(name_of(owner_of(*flow), flow->owner.name()));
      if (flow->owner.pid != 0) who += fmt::format(" {}", flow->owner.pid);
      const bool is_alone =
          flow->direction == Direction::kListen || flow->remote.addr.is_unspecified();
      return fmt::format("▸ Conns ▸ {} {} :{}{}", who, to_string(flow->protocol), flow->local.port,
                         is_alone ? "" : "→" + to_string(flow->remote));
    },
    .frame = details_frame,
    .draw = draw,
    .json = json,
};

}  // namespace sockscope::tui
