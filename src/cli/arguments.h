// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/alert.h>
#include <sockscope/monitor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/text.h"
#include "format/json.h"
#include "tui/key_map.h"

namespace sockscope {

enum class OutputFormat { kTable, kJson, kNdjson, kCsv };

// What the user asked for, as far as several commands share it; what only one command has is in
// that command's file. Checked as far as that is possible without the kernel.
struct Arguments {
  virtual ~Arguments() = default;

  Options options;  // asked for by name; the command's observe() adds what it needs itself
  OutputFormat format = OutputFormat::kTable;
  bool numbers_netns = false;  // the network namespace was given by its number
  std::string filter;
  std::string columns;
  std::optional<Excerpt::Rows> only;  // only rows of this kind
  std::string sort;
  bool reverse = false;
  std::size_t top = 0;  // how many rows; 0: all
  bool pairs = false;   // one row for both ends of a connection
  bool wide = false;
  bool spreadsheet = false;
  Units units = Units::kBits;
  std::chrono::milliseconds interval{1000};
  std::optional<std::chrono::milliseconds> duration;
  std::uint64_t count = 0;  // how many events or tables; 0: no limit
  bool strict = false;
  bool expects_match = false;
  bool quiet = false;
  bool watch = false;                // one result per interval
  std::string root;                  // where the host's /proc, /etc and mounts are found
  std::vector<std::string> program;  // to run and follow, with its arguments; empty: none
  std::optional<bool> probe;         // send echo requests to gateway and DNS server
  bool dns = true;
  AlertOptions thresholds;
  tui::KeyMap keys;

  bool is_json() const noexcept {
    return format == OutputFormat::kJson || format == OutputFormat::kNdjson;
  }
  // Whether --filter may have keys that test events.
  virtual bool shows_events() const { return false; }
  bool is_enough(std::uint64_t printed) const noexcept { return count != 0 && printed >= count; }
};

}  // namespace sockscope
