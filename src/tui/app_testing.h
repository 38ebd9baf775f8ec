// SPDX-License-Identifier: Apache-2.0
// The program as its user sees it, on the host of testing.h, for tests that press keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tui/testing.h"

namespace sockscope::tui {

inline std::vector<std::string> names(const Model& model, const State& state) {
  std::vector<std::string> out;
  for (const Row& row : state.table().listing.rows)
    if (row.key.kind == RowKey::Kind::kProcess && !row.key.is_group)
      out.emplace_back(model.history.process(row.index).name());
  return out;
}

class Session {
 protected:
  Session() { shown(model, state); }
  void keys(std::string_view text) { press_all(text, model, state); }
  std::vector<Effect> key(KeyName name) { return press({name}, model, state); }
  // Lets seconds pass on the host.
  void pass(std::uint64_t seconds) {
    for (std::uint64_t i = 0; i < seconds; ++i) model.history.add(web_host(++second));
    model.now_ns = model.history.newest().mono_ns;
    model.now_wall_ns = model.history.newest().wall_ns;
    shown(model, state);
  }
  std::string selected() {
    const Process* process =
        model.history.find_process(shown_sample(model, state), state.table().selected.process());
    return process == nullptr ? "" : std::string(process->name());
  }

  Model model = web_model(20);
  std::uint64_t second = 20;
  State state = state_of(kProcessesView, {80, 24});
};

}  // namespace sockscope::tui
