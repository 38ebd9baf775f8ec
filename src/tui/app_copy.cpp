// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <climits>

#include "base/timestamp.h"
#include "format/host_json.h"
#include "tui/app.h"
#include "tui/frame.h"
#include "tui/rows.h"

namespace sockscope::tui {

std::string text_of(const Model& model, const State& state, const Table& table, const Row* row) {
  if (model.history.empty()) return {};
  std::string text;
  const RowKey key = row != nullptr                ? row->key
                     : state.view->columns.empty() ? state.*state.view->subject
                                                   : RowKey{};
  if (const Flow* flow =
          key.kind == RowKey::Kind::kFlow ? find_shown_flow(model, state, key.a) : nullptr) {
    text = fmt::format("{} {} {} {}", flow->owner.name(), flow->owner.pid, to_string(flow->local),
                       to_string(flow->remote));
  } else if (row != nullptr && row->key.kind == RowKey::Kind::kProcess) {
    const Process* process =
        model.history.find_process(shown_sample(model, state), row->key.process());
    if (process != nullptr) text = fmt::format("{} {}", process->name(), process->pid);
  } else if (row != nullptr && row->key.kind == RowKey::Kind::kHost) {
    text = table.listing.sums[row->index].name;
  } else if (row != nullptr && row->key.kind == RowKey::Kind::kInterface) {
    const auto reading = reading_index(model, state);
    const Interface* interface = reading ? find_interface(model.host_readings[*reading],
                                                          static_cast<std::uint32_t>(row->key.a))
                                         : nullptr;
    if (interface != nullptr) {
      text = interface->name;
      for (const InterfaceAddress& address : interface->addresses) text += ' ' + to_string(address);
    }
  } else if (key.kind == RowKey::Kind::kAlert) {
    const Alert* alert = find_alert(model, key);
    if (alert == nullptr && row == nullptr) alert = state.opened_alert.get();
    if (alert != nullptr) text = message(*alert) + ": " + detail(*alert);
  } else if (row != nullptr && row->key.kind == RowKey::Kind::kEvent) {
    if (const LoggedEvent* logged = model.events.find(row->key.a))
      text = fmt::format("{} {} {} {} {} {}", time_of_day(logged->wall_ns),
                         to_string(logged->event.kind()), logged->event.flow.owner.name(),
                         to_string(logged->event.flow.local), to_string(logged->event.flow.remote),
                         describe(*logged, INT_MAX));
  }
  return clean_text(text);
}

}  // namespace sockscope::tui
