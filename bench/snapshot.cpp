// SPDX-License-Identifier: Apache-2.0
// How long it takes to know the state of every socket: Monitor::snapshot() compared with a plain
// dump over netlink and with ss, with many sockets open. With "open": how long the monitor takes to
// start.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sockscope/monitor.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "diag.h"

extern char** environ;

namespace bench {
namespace {

using sockscope::Fd;
using sockscope::mono_now_ns;

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "bench_snapshot: {}\n", what);
  std::exit(1);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double time_ms(const std::function<void()>& work) {
  const std::uint64_t began = mono_now_ns();
  work();
  return static_cast<double>(mono_now_ns() - began) / 1e6;
}

pid_t spawn(const std::vector<std::string>& words, const posix_spawn_file_actions_t& files) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  if (::posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environ) != 0)
    fail("cannot start " + words[0]);
  return pid;
}

void run_unseen(const std::vector<std::string>& words) {
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  const pid_t pid = spawn(words, files);
  ::posix_spawn_file_actions_destroy(&files);
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || status != 0) fail(words[0] + " failed");
}

// Many open sockets in other processes, as long as the object exists: those processes end with our
// end of the pipe, even when this one is killed.
class HeldSockets {
 public:
  HeldSockets(const std::string& workload, long tcp, long udp) {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) fail("no pipe");
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&files, out[1], 1);
    pid_ = spawn({workload, "hold", std::to_string(tcp), std::to_string(udp)}, files);
    ::posix_spawn_file_actions_destroy(&files);
    ::close(in[0]);
    ::close(out[1]);
    stdin_ = Fd(in[1]);
    const Fd answer(out[0]);
    char text[6];
    if (::read(answer.get(), text, sizeof text) != sizeof text) fail("cannot hold the sockets");
  }
  HeldSockets(const HeldSockets&) = delete;
  HeldSockets& operator=(const HeldSockets&) = delete;
  ~HeldSockets() {
    stdin_.reset();
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
  Fd stdin_;
};

sockscope::Monitor open_monitor(bool with_events) {
  sockscope::Options options;
  options.connections = with_events;  // as in top
  options.quality = false;
  auto monitor = sockscope::Monitor::open(options);
  if (!monitor) fail(monitor.error().message() + ' ' + monitor.error().hint());
  return std::move(*monitor);
}

constexpr double kSlowMs = 2000;  // what takes longer is run only twice

struct Subject {
  std::string name;
  std::function<void()> run;
  std::vector<double> ms;
};

// The median of the quotients of neighbouring runs.
double ratio(const Subject& above, const Subject& below) {
  std::vector<double> quotients;
  for (std::size_t i = 0; i < std::min(above.ms.size(), below.ms.size()); ++i)
    quotients.push_back(above.ms[i] / below.ms[i]);
  return median(quotients);
}

struct Kind {
  sockscope::Protocol protocol;
  const char* name;
  std::vector<std::string> ss_info;
  std::vector<std::string> ss_owners;
};

const Kind kTcp{sockscope::Protocol::kTcp, "TCP", {"ss", "-tin"}, {"ss", "-tinpe"}};
// Without -a ss shows connected UDP sockets only.
const Kind kUdp{sockscope::Protocol::kUdp, "UDP", {"ss", "-uina"}, {"ss", "-uinape"}};

void compare(const std::string& workload, const Kind& kind, long count, int repetitions) {
  const bool is_tcp = kind.protocol == sockscope::Protocol::kTcp;
  const HeldSockets held(workload, is_tcp ? count : 0, is_tcp ? 0 : count);
  sockscope::Monitor monitor = open_monitor(true);
  InetDiag diag;
  std::size_t shown = 0;
  std::size_t owned = 0;
  std::size_t dumped = 0;
  std::vector<Subject> subjects;
  subjects.push_back({"snapshot()",
                      [&] {
                        auto snapshot = monitor.snapshot();
                        if (!snapshot) fail(snapshot.error().message());
                        shown = owned = 0;
                        for (const sockscope::Flow& flow : snapshot->flows) {
                          if (flow.protocol != kind.protocol) continue;
                          ++shown;
                          owned += flow.owner.pid != 0 ? 1 : 0;
                        }
                      },
                      {}});
  // snapshot() always shows both protocols.
  subjects.push_back({"inet_diag",
                      [&] {
                        const std::size_t tcp = diag.dump(6);
                        const std::size_t udp = diag.dump(17);
                        dumped = is_tcp ? tcp : udp;
                      },
                      {}});
  subjects.push_back({"ss", [&] { run_unseen(kind.ss_info); }, {}});
  subjects.push_back({"ss owners", [&] { run_unseen(kind.ss_owners); }, {}});

  for (Subject& subject : subjects) subject.run();  // the first one builds the flow table
  const auto wanted = static_cast<std::size_t>(count);
  if (shown < wanted || owned < wanted || dumped < wanted)
    fail(fmt::format("of {} sockets {} shown, {} with owner, {} dumped", count, shown, owned,
                     dumped));
  for (int i = 0; i < repetitions; ++i)
    for (Subject& subject : subjects)
      if (i < 2 || subject.ms[0] < kSlowMs) subject.ms.push_back(time_ms(subject.run));

  const double to_diag = ratio(subjects[0], subjects[1]);
  const double to_ss = ratio(subjects[2], subjects[0]);
  const double to_owners = ratio(subjects[3], subjects[0]);
  const auto verdict = [](bool met) { return met ? "met" : "MISSED"; };
  fmt::print("| {} {} | {:.2f} | {:.2f} | {:.1f} | {:.1f} | {:.2f} {} | {:.1f} {} | {:.1f} {} |\n",
             count, kind.name, median(subjects[0].ms), median(subjects[1].ms),
             median(subjects[2].ms), median(subjects[3].ms), to_diag, verdict(to_diag <= 1), to_ss,
             verdict(to_ss >= 5), to_owners, verdict(to_owners >= 10));
  std::fflush(stdout);
}

// What a row with TCP's internals costs: the kernel is asked for each connection separately.
void time_internals(const std::string& workload, long count) {
  const HeldSockets held(workload, count, 0);
  sockscope::Monitor monitor = open_monitor(true);
  auto snapshot = monitor.snapshot();
  if (!snapshot) fail(snapshot.error().message());
  std::vector<double> us;
  for (const sockscope::Flow& flow : snapshot->flows) {
    if (flow.protocol != sockscope::Protocol::kTcp) continue;
    bool told = false;
    const double ms = time_ms([&] {
      const auto internals = monitor.tcp_internals(flow);
      told = internals && *internals;
    });
    if (told) us.push_back(ms * 1000);
  }
  if (us.size() < static_cast<std::size_t>(count)) fail("too few connections told their internals");
  fmt::print("tcp_internals(), each of {} connections: median {:.1f} us, worst {:.1f} us\n",
             us.size(), median(us), *std::max_element(us.begin(), us.end()));
}

// Measures one start per process: prints the milliseconds of open() and of the first snapshot().
int time_start(bool with_events) {
  std::uint64_t began = mono_now_ns();
  sockscope::Monitor monitor = open_monitor(with_events);
  const auto open_ns = static_cast<double>(mono_now_ns() - began);
  began = mono_now_ns();
  if (auto snapshot = monitor.snapshot(); !snapshot) fail(snapshot.error().message());
  fmt::print("{:.3f} {:.3f}\n", open_ns / 1e6, static_cast<double>(mono_now_ns() - began) / 1e6);
  return 0;
}

// All of the subjects show sockets in TIME_WAIT, so others' would count too.
void warn_of_other_sockets() {
  const std::string text = sockscope::read_text("/proc/net/sockstat");
  const std::size_t at = text.find(" tw ");
  if (at != text.npos && std::atol(text.c_str() + at + 4) > 500)
    fmt::print(stderr, "warning: many sockets in TIME_WAIT: they are part of what is measured\n");
}

int usage() {
  fmt::print(stderr,
             "bench_snapshot [REPETITIONS [COUNT...]]   default: 7 10000 100000\n"
             "bench_snapshot open [without-events]\n");
  return 2;
}

int run(const std::string& program, const std::vector<std::string>& words) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (!words.empty() && words[0] == "open") return time_start(words.size() == 1);
  const int repetitions = words.empty() ? 7 : std::atoi(words[0].c_str());
  std::vector<long> counts;
  for (std::size_t i = 1; i < words.size(); ++i) counts.push_back(std::atol(words[i].c_str()));
  if (counts.empty()) counts = {10'000, 100'000};
  if (repetitions < 1 || *std::min_element(counts.begin(), counts.end()) < 2) return usage();

  warn_of_other_sockets();
  const std::string workload = program.substr(0, program.rfind('/') + 1) + "workload";
  fmt::print(
      "Every socket of the host, ms; medians of {} interleaved runs. inet_diag: bare dump of TCP "
      "(with INFO) and UDP, IPv4 and IPv6, nothing kept. Ratios are medians of quotients of "
      "neighbouring runs.\n\n"
      "| sockets | snapshot() | inet_diag | ss -tin / -uina | ss -tinpe / -uinape | "
      "snapshot ÷ inet_diag (≤ 1) | ss ÷ snapshot (≥ 5) | "
      "ss with owners ÷ snapshot (≥ 10) |\n"
      "|---|---|---|---|---|---|---|---|\n",
      repetitions);
  for (const Kind* kind : {&kTcp, &kUdp})
    for (const long count : counts) compare(workload, *kind, count, repetitions);
  fmt::print("\n");
  time_internals(workload, counts.front());
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run(argv[0], {argv + 1, argv + argc});
}
