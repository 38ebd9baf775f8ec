// SPDX-License-Identifier: Apache-2.0
// What it costs a process to be made, to run a program and to end while somebody watches: the
// kernel programs, the process events connector, and other tools, which are named as shell
// commands. They take turns in slices, so that a noisy host disturbs all of them equally; nothing
// is read within a slice. Then memory and time of the process table.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sockscope/monitor.h>
#include <sockscope/proc_connector.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sockets.h"
#include "track/process_table.h"

extern char** environ;

namespace bench {
namespace {

using namespace sockscope;

constexpr int kRounds = 20;

// Somebody who watches, as long as the object exists.
class Watcher {
 public:
  virtual ~Watcher() = default;
};
using MakeWatcher = std::function<std::unique_ptr<Watcher>()>;

class Programs : public Watcher {
 public:
  Programs() {
    Options options;
    options.processes = true;
    options.connections = false;
    options.quality = false;
    auto monitor = Monitor::open(options);
    require(monitor.has_value(), "open a monitor");
    monitor_.emplace(std::move(*monitor));
  }

 private:
  std::optional<Monitor> monitor_;
};

class Connector : public Watcher {
 public:
  Connector() {
    auto connector = ProcConnector::open({.receive_buffer = std::size_t{32} << 20});
    require(connector && connector->subscribe(), "subscribe to process events");
    connector_.emplace(std::move(*connector));
  }

 private:
  std::optional<ProcConnector> connector_;
};

class Command : public Watcher {
 public:
  explicit Command(const std::string& command) {
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    const std::string quiet = "exec " + command + " >/dev/null 2>&1";
    std::array<char*, 4> words = {const_cast<char*>("sh"), const_cast<char*>("-c"),
                                  const_cast<char*>(quiet.c_str()), nullptr};
    require(::posix_spawn(&pid_, "/bin/sh", nullptr, &attributes, words.data(), environ) == 0,
            "start a command");
    posix_spawnattr_destroy(&attributes);
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // until it is attached
    require(::waitpid(pid_, nullptr, WNOHANG) == 0, "keep the command running");
  }
  ~Command() override {
    ::kill(-pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
};

void make_and_end() {
  const pid_t pid = ::vfork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
}

void run_program() {
  pid_t pid = -1;
  std::array<char*, 2> words = {const_cast<char*>("true"), nullptr};
  require(::posix_spawn(&pid, "/bin/true", nullptr, nullptr, words.data(), environ) == 0,
          "run a program");
  ::waitpid(pid, nullptr, 0);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void measure_cost(const std::vector<std::string>& commands) {
  std::vector<MakeWatcher> watchers = {[] { return std::unique_ptr<Watcher>(); },
                                       [] { return std::make_unique<Programs>(); },
                                       [] { return std::make_unique<Connector>(); }};
  std::string head = "| | us alone | kernel programs | connector |";
  std::string rule = "|---|---|---|---|";
  for (const std::string& command : commands) {
    watchers.emplace_back([&command] { return std::make_unique<Command>(command); });
    head += fmt::format(" `{}` |", command);
    rule += "---|";
  }
  fmt::print("{}\n{}\n", head, rule);
  struct Workload {
    const char* name;
    int count;
    void (*act)();
  };
  for (const Workload& workload : {Workload{"vfork, exit, wait", 1'000, make_and_end},
                                   Workload{"spawn /bin/true, wait", 200, run_program}}) {
    std::vector<double> alone;
    std::vector<std::vector<double>> ratios(watchers.size());
    for (int round = 0; round < kRounds; ++round) {
      std::vector<double> ns(watchers.size());
      for (std::size_t i = 0; i < watchers.size(); ++i) {
        const std::size_t which = (i + static_cast<std::size_t>(round)) % watchers.size();
        const auto watcher = watchers[which]();
        for (int k = 0; k < workload.count / 10; ++k) workload.act();
        const std::uint64_t began = mono_now_ns();
        for (int k = 0; k < workload.count; ++k) workload.act();
        ns[which] = static_cast<double>(mono_now_ns() - began) / workload.count;
      }
      alone.push_back(ns[0]);
      for (std::size_t i = 1; i < watchers.size(); ++i) ratios[i].push_back(ns[i] / ns[0]);
    }
    fmt::print("| {} | {:.1f} |", workload.name, median(alone) / 1000);
    for (std::size_t i = 1; i < watchers.size(); ++i) fmt::print(" {:.3f} |", median(ratios[i]));
    fmt::print("\n");
  }
}

std::size_t heap_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

void measure_table() {
  constexpr std::uint32_t kRunning = 10'000;
  constexpr std::uint32_t kLives = 200'000;
  const std::size_t before = heap_bytes();
  ProcessTable table{ProcessTable::Limits{}};
  std::uint64_t now_ns = 1;
  const auto tell = [&](ProcessEventKind kind, std::uint32_t pid) {
    ProcessEvent event;
    event.kind = kind;
    event.mono_ns = now_ns += 10'000;
    event.pid = event.tid = pid;
    event.parent_pid = event.parent_tid = 1;
    event.start_ns = pid;
    ProcessInfo seen;
    seen.pid = pid;
    seen.start_ns = pid;
    seen.parent_pid = 1;
    table.apply(event, &seen);
  };
  for (std::uint32_t pid = 1; pid <= kRunning; ++pid) tell(ProcessEventKind::kFork, pid);
  const std::size_t each = (heap_bytes() - before) / kRunning;
  const std::uint64_t began = mono_now_ns();
  for (std::uint32_t i = 0; i < kLives; ++i) {
    tell(ProcessEventKind::kFork, kRunning + 1 + i);
    tell(ProcessEventKind::kExec, kRunning + 1 + i);
    tell(ProcessEventKind::kExit, kRunning + 1 + i);
    if (i % 1'000 == 0) table.expire(now_ns);
  }
  const auto seconds = static_cast<double>(mono_now_ns() - began) / 1e9;
  fmt::print(
      "\nThe process table: {} bytes a process (its texts apart), {:.1f} million events a "
      "second on one core.\n",
      each, 3e-6 * kLives / seconds);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::pin_to_core(0);
  bench::measure_cost({argv + 1, argv + argc});
  bench::measure_table();
}
