// SPDX-License-Identifier: Apache-2.0
// One function per command; each returns the exit code.
#pragma once

#include "cli/arguments.h"

namespace sockscope {

int run_snapshot(const Arguments& arguments);
int run_trace(const Arguments& arguments);
int run_alerts(const Arguments& arguments);  // trace --alerts
// The full screen of `top`.
int run_top_screen(const Arguments& arguments);
int run_top(const Arguments& arguments);
int run_doctor(const Arguments& arguments);
int run_story(const Arguments& arguments);
int run_host(const Arguments& arguments);
int run_packets(const Arguments& arguments);  // capture
// snapshot --format netwatch, snapshot --from
int run_netwatch(const Arguments& arguments);
int run_capture(const Arguments& arguments);

}  // namespace sockscope
