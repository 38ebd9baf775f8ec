// SPDX-License-Identifier: Apache-2.0
// What is on the screen, as a document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "format/json.h"
#include "tui/model.h"
#include "tui/state.h"

namespace sockscope::tui {

struct DocumentSource {
  const HostId& host;
  Source source;
  std::int64_t clock_offset_ns;
};

// Lines as `trace` writes them: a first one, what `write` appends, and a last one. `write` returns
// how many lines it has appended.
std::string write_lines(const Model& model, const DocumentSource& from,
                        const std::function<std::size_t(EventWriter&, std::string&)>& write);

// A snapshot with the wanted flows of the sample, and the processes of those.
std::string write_flows(const Model& model, const DocumentSource& from, const Sample& sample,
                        const std::function<bool(const Flow&)>& wanted);
// The flows of the sample on the screen that match the filter.
std::string write_filtered(const Model& model, const State& state, const DocumentSource& from);

}  // namespace sockscope::tui
