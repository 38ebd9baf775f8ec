// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <sockscope/alert.h>
#include <sockscope/capture.h>
#include <sockscope/monitor.h>
#include <sockscope/packets.h>

#include "base/text.h"
#include "tui/key_map.h"

namespace sockscope {

enum class Command { kTop, kSnapshot, kTrace, kStory, kDoctor, kHost, kCapture };
enum class OutputFormat { kTable, kJson, kNdjson, kCsv };
enum class TimeFormat { kTimeOfDay, kRelative, kIso, kNanoseconds };

// --from KIND:FILE
struct CaptureSource {
  CaptureKind kind = CaptureKind::kSs;
  std::string path;  // empty: not given; "-": standard input
};

// What the user asked for, checked as far as that needs no kernel.
struct Arguments {
  Command command = Command::kTop;
  Options options;  // of the monitor
  OutputFormat format = OutputFormat::kTable;
  std::string filter;
  std::string columns;
  std::string sort;
  bool reverse = false;
  std::size_t top = 0;  // rows; 0: all
  bool wide = false;
  Units units = Units::kBits;
  std::chrono::milliseconds interval{1000};
  std::optional<std::chrono::milliseconds> duration;
  std::uint64_t count = 0;  // events or tables; 0: no limit
  TimeFormat time = TimeFormat::kTimeOfDay;
  bool fails_only = false;
  bool strict = false;
  bool quiet = false;
  bool talkers_only = false;  // story: only processes that had to do with the network
  bool netwatch = false;  // snapshot: in NetWatch's format
  bool envelope = false;
  bool watch = false;  // snapshot, host: one per interval
  CaptureSource from;
  PacketOptions packets;
  std::string packet_file;   // capture: "-" standard output
  bool all_packets = false;  // capture: also those that belong to no flow known
  std::string root;  // host facts: of /proc, /etc and mounts
  bool probe = true;
  bool dns = true;  // top: names; netwatch: figures
  bool alerts = false;  // trace: alerts instead of events
  AlertOptions thresholds;
  bool idle = false;  // top: also what neither is open nor moved bytes
  bool plain = false;      // top: tables even on a terminal
  bool read_only = false;  // top: no signals to processes
  bool mouse = true;
  bool ascii = false;
  std::string theme;
  std::string graph;
  std::string colour = "auto";
  tui::KeyMap keys;
};

// Either what to do, or the exit code of a program that is done: help was printed, or an error.
struct ParseOutcome {
  std::optional<Arguments> arguments;
  int exit_code = 0;
};
ParseOutcome parse_arguments(int argc, char** argv);

}  // namespace sockscope
