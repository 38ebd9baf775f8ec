// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/session.h"
#include "cli/time_text.h"

namespace sockscope {

struct TraceArguments : Arguments {
  TimeFormat time = TimeFormat::kTimeOfDay;
  bool fails_only = false;
  bool alerts = false;  // instead of events
  std::size_t ring_kib = 16'384;

  bool shows_events() const override { return !alerts; }
};

// trace --alerts. Returns the exit code.
int trace_alerts(const TraceArguments& arguments, Session& session);

}  // namespace sockscope
