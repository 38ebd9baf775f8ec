// SPDX-License-Identifier: Apache-2.0
#include "tui/view_json.h"

#include <set>

#include "tui/rows.h"

namespace sockscope::tui {

std::string write_lines(const Model& model, const DocumentSource& from,
                        const std::function<std::size_t(EventWriter&, std::string&)>& write) {
  std::string out;
  EventWriter writer(from.clock_offset_ns);
  writer.start(from.host, model.now_wall_ns, from.source, model.doors, out);
  const std::size_t count = write(writer, out);
  writer.end(model.now_wall_ns, count, model.lost, out);
  return out;
}

std::string write_flows(const Model& model, const DocumentSource& from, const Sample& sample,
                        const std::function<bool(const Flow&)>& wanted) {
  Snapshot snapshot;
  snapshot.mono_ns = sample.mono_ns;
  snapshot.wall_ns = sample.wall_ns;
  snapshot.interval_s = sample.interval_s;
  snapshot.lost = sample.lost;
  snapshot.source = from.source;
  snapshot.doors = model.doors;
  std::set<ProcessId> owners;
  for (const std::uint32_t index : sample.flows) {
    const Flow& flow = model.history.flow(index);
    if (!wanted(flow)) continue;
    snapshot.flows.push_back(flow);
    owners.insert(owner_of(flow));
  }
  const bool all = snapshot.flows.size() == sample.flows.size();
  for (const std::uint32_t index : sample.processes)
    if (all || owners.contains(id_of(model.history.process(index))))
      snapshot.processes.push_back(model.history.process(index));
  join_unowned(snapshot.processes);
  std::string out;
  write_snapshot_json(snapshot, from.host, true, [&](std::string_view piece) { out += piece; });
  return out;
}

std::string write_filtered(const Model& model, const State& state, const DocumentSource& from) {
  return write_flows(model, from, shown_sample(model, state), [&](const Flow& flow) {
    return state.filter.matches(flow) && in_scope(state, flow);
  });
}

}  // namespace sockscope::tui
