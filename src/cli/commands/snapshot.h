// SPDX-License-Identifier: Apache-2.0
// The command snapshot, and what its variants share: of this host, in NetWatch's format, or from
// what other programs printed.
#pragma once

#include <sockscope/capture.h>

#include <optional>
#include <span>
#include <string>
#include <variant>

#include "cli/session.h"
#include "cli/table_choice.h"
#include "format/netwatch_json.h"

namespace sockscope {

// --from KIND:FILE
struct CaptureSource {
  CaptureKind kind = CaptureKind::kSs;
  std::string path;  // empty: not given; "-": standard input
};

struct SnapshotArguments : Arguments {
  bool netwatch = false;
  bool envelope = false;
  std::string count_by;  // columns whose combinations of values are counted; empty: rows are
                         // printed
  CaptureSource from;
};

// For the kind of rows to print, which --only chooses.
using SnapshotChoice = std::variant<TableChoice<Flow>, TableChoice<Process>>;
// flow_columns: the columns of connections if --columns is not given. Returns nothing if it
// reported an error.
std::optional<SnapshotChoice> choose_rows(const SnapshotArguments& arguments,
                                          std::span<const ColumnId> flow_columns);
// Prints in the requested format, in the order of --sort, at most --top rows.
void print_snapshot(Snapshot& snapshot, const HostId& host, const SnapshotArguments& arguments,
                    const SnapshotChoice& choice, Output& output);

// The snapshot as a line, limited to --top; with `host`, wrapped in an envelope.
std::string netwatch_line(netwatch::Snapshot snapshot, const Arguments& arguments,
                          const netwatch::HostInfo* host, const Loss& lost, bool all_observed);

// Each returns the exit code.
int snapshot_netwatch(const SnapshotArguments& arguments, const Options& observed);
int snapshot_from(const SnapshotArguments& arguments);

}  // namespace sockscope
