// SPDX-License-Identifier: Apache-2.0
#include "tui/loop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/signals.h"
#include "tui/app.h"
#include "tui/flow_cells.h"
#include "tui/frame.h"
#include "tui/process_signal.h"
#include "tui/rows.h"
#include "tui/screen.h"
#include "tui/view.h"

namespace sockscope::tui {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
// Events wait for the next sample, but not longer than this.
constexpr std::uint64_t kArrivedWait = 2'000 * kMillisecond;
constexpr std::size_t kMostArrived = 4'096;
constexpr std::uint64_t kFrame =
    200 * kMillisecond;  // least time between two that nobody asked for

Fd take_signals() {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT})
    if (!is_ignored(signal)) ::sigaddset(&wanted, signal);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  return Fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Writes the file completely or not at all: it gets its name last. Never overwrites a file, and
// follows no link, which somebody else could have made. False: errno says why.
bool write_new_file(const std::string& path, std::string_view text) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  Fd file(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
  if (file) {
    const std::string unnamed = fmt::format("/proc/self/fd/{}", file.get());
    return write_all(file.get(), text) &&
           ::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
  }
  // Some file systems cannot have a file without a name.
  if (errno != EOPNOTSUPP && errno != EISDIR) return false;
  file = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  return file && write_all(file.get(), text);
}

class Loop {
 public:
  Loop(Monitor& monitor, Driver driver, LoopOptions options)
      : monitor_(monitor),
        driver_(std::move(driver)),
        options_(std::move(options)),
        detectors_(options_.thresholds) {
    state_ = std::move(options_.state);
    model_ = std::move(options_.model);
    model_.host = options_.host.name;
    model_.version = version();
    model_.doors = monitor.doors();
    state_.size = driver_.size();
    handler_ = [this](const Event& event) {
      arrived_.push_back(event);
      if (arrived_.size() >= kMostArrived) take_arrived();
    };
    alert_handler_ = [this](const Alert& alert) {
      Event event;
      event.mono_ns = alert.phase == AlertPhase::kEnded ? alert.ended_ns : alert.last_ns;
      event.what = event::AlertChange{std::make_shared<const Alert>(alert)};
      event.flow = flow_of(alert);
      log(event);
    };
  }

  Result<void> run();

 private:
  void log(const Event& event);
  void take(const Event& event);
  void take_arrived();
  Result<void> sample();
  void look_for_alerts(const Snapshot& snapshot);
  void prepare();
  void read_internals();
  void read_ancestors();
  bool shows_host() const;
  void read_host(const Snapshot* snapshot);
  void draw();
  void take_keys();
  void take_signals_that_came();
  void do_effect(const Effect& effect);
  void suspend();
  void write_json(const std::string& path);
  int wait_ms(std::uint64_t now) const;

  Monitor& monitor_;
  Driver driver_;
  LoopOptions options_;
  Model model_;
  State state_;
  Screen screen_{Grid({1, 1}), {}};
  Detectors detectors_;
  Monitor::Handler handler_;
  Detectors::Handler alert_handler_;
  Fd signals_;
  std::int64_t clock_offset_ = 0;
  std::uint64_t next_sample_ns_ = 0;
  std::uint64_t drawn_ns_ = 0;
  std::uint64_t last_cpu_ns_ = 0;
  std::uint64_t last_cost_ns_ = 0;
  std::uint64_t last_events_ = 0;
  std::vector<Event> arrived_;  // and not taken yet
  std::uint64_t arrived_due_ns_ = 0;
  std::uint64_t internals_sample_ = 0;
  std::uint64_t ancestors_sample_ = 0;
  bool reads_host_ = false;
  bool host_read_with_sample_ = false;
  bool must_draw_ = true;  // now
  bool may_draw_ = false;  // once a frame is due
  bool events_came_ = false;
  bool stop_ = false;
  bool input_ended_ = false;
};

void Loop::log(const Event& event) {
  model_.events.add(
      event, static_cast<std::uint64_t>(static_cast<std::int64_t>(event.mono_ns) + clock_offset_),
      state_.is_frozen() ? state_.frozen_event : 0);
  events_came_ = true;
}

void Loop::take(const Event& event) {
  detectors_.take(event, alert_handler_);
  model_.remotes.take(event);
  // These kinds are numerous and not always wanted, so they fill the log only while they are shown.
  const bool is_extra = event.kind() == EventKind::kDns || event.kind() == EventKind::kRefused;
  if (!is_extra || (state_.hidden_events & bit_of(event.kind())) == 0) log(event);
}

// Openings of connections come late, with a sample. So what came since the sample before is sorted.
void Loop::take_arrived() {
  std::stable_sort(arrived_.begin(), arrived_.end(),
                   [](const Event& a, const Event& b) { return a.mono_ns < b.mono_ns; });
  for (const Event& event : arrived_) take(event);
  arrived_.clear();
  arrived_due_ns_ = mono_now_ns() + kArrivedWait;
}

void Loop::look_for_alerts(const Snapshot& snapshot) {
  detectors_.take(snapshot, alert_handler_);
  detectors_.tick(snapshot.mono_ns, clock_offset_, alert_handler_);
  model_.alerts = detectors_.alerts();
}

Result<void> Loop::sample() {
  clock_offset_ = mono_to_wall_ns();
  auto snapshot = monitor_.snapshot(handler_);
  if (!snapshot) return tl::make_unexpected(std::move(snapshot).error());
  take_arrived();
  // A filter typed on the screen may need them.
  if (state_.filter.needs(Needs::kTcpInternals)) monitor_.add_tcp_internals(*snapshot);
  look_for_alerts(*snapshot);
  model_.history.add(*snapshot);
  model_.lost = snapshot->lost;
  model_.doors = std::move(snapshot->doors);
  model_.now_wall_ns = snapshot->wall_ns;
  read_host(&*snapshot);
  const std::uint64_t now = mono_now_ns();
  const std::uint64_t cpu = monitor_.cost().cpu_ns;
  if (last_cost_ns_ != 0 && now > last_cost_ns_) {
    const auto passed = static_cast<double>(now - last_cost_ns_);
    model_.self_cpu = static_cast<double>(cpu - last_cpu_ns_) / passed;
    model_.event_rate = static_cast<double>(model_.events.added() - last_events_) / (passed / 1e9);
  }
  last_cost_ns_ = now;
  last_cpu_ns_ = cpu;
  last_events_ = model_.events.added();
  must_draw_ = true;
  return {};
}

void Loop::prepare() {
  const std::uint64_t now = mono_now_ns();
  model_.now_ns = now;
  if (now >= state_.message_until_ns) state_.message.clear();
  if (grouping_of(state_) == Grouping::kTree && !model_.history.empty()) read_ancestors();
  arrange(model_, state_, visible_rows(state_), now);
  if (model_.history.empty()) return;
  read_internals();
}

// For the sample on the screen, as far as they are still known.
void Loop::read_ancestors() {
  const Sample& sample = shown_sample(model_, state_);
  if (sample.number == ancestors_sample_) return;
  ancestors_sample_ = sample.number;
  model_.ancestors.clear();
  for (const std::uint32_t index : sample.processes) {
    const ProcessInfo* info = model_.history.process(index).info.get();
    while (info != nullptr && info->parent_pid > 1 &&
           !model_.ancestors.contains(info->parent_pid)) {
      auto parent = monitor_.process(info->parent_pid);
      if (!parent) break;
      info = parent.get();
      model_.ancestors.emplace(info->pid, std::move(parent));
    }
  }
}

// Only for connections on the screen, once per sample.
void Loop::read_internals() {
  const Sample& newest = model_.history.newest();
  if (newest.number != internals_sample_) model_.internals.clear();
  internals_sample_ = newest.number;
  bool answers = true;
  for (const std::uint64_t cookie : looked_into(state_)) {
    const auto [place, is_new] = model_.internals.try_emplace(cookie);
    if (!is_new || !answers) continue;
    const Flow* flow = model_.history.find_flow(newest, cookie);
    if (flow == nullptr || flow->closed) continue;
    // Of other network namespaces, only listeners are known from here.
    if (flow->netns != model_.home_netns && flow->direction != Direction::kListen) continue;
    auto internals = monitor_.tcp_internals(*flow);
    answers = internals.has_value();  // after one question without an answer, no more are asked, so
                                      // that the screen does not wait
    if (internals) place->second = *internals;
  }
}

bool Loop::shows_host() const {
  return state_.view->shows_host || state_.view->frame(state_.size).plot_rows == kHostPaneRows;
}

// snapshot: the one that was just taken; null: none, because the view is wanted now.
void Loop::read_host(const Snapshot* snapshot) {
  reads_host_ = reads_host_ || shows_host();
  if (options_.host_monitor == nullptr || !reads_host_) return;
  options_.host_monitor->set_probe(options_.probe && state_.view->shows_host);
  auto facts = options_.host_monitor->read();
  if (!facts) {
    model_.host_problem = facts.error().message();
    return;
  }
  // Only readings of the same moments can be compared.
  std::optional<Reconciliation> bytes;
  if (snapshot != nullptr && host_read_with_sample_)
    bytes = reconcile(*facts, *snapshot, model_.home_netns);
  host_read_with_sample_ = snapshot != nullptr;
  detectors_.take(*facts, alert_handler_);
  model_.host_readings.add(std::move(*facts), std::move(bytes), model_.history.newest().number);
}

void Loop::draw() {
  const std::uint64_t now = mono_now_ns();
  if (driver_.wants_room()) return;
  if (!reads_host_ && shows_host()) read_host(nullptr);
  prepare();
  screen_ = render(model_, state_);
  driver_.draw(screen_.grid);
  drawn_ns_ = now;
  must_draw_ = may_draw_ = false;
}

void Loop::take_keys() {
  // A flood of keys must not delay events.
  for (int i = 0; i < 256; ++i) {
    const auto key = driver_.read_key();
    if (!key) return;
    must_draw_ = true;
    for (const Effect& effect : handle_key(*key, model_, screen_, mono_now_ns(), state_))
      do_effect(effect);
    if (stop_) return;
    prepare();
  }
}

void Loop::suspend() {
  driver_.suspend();
  ::raise(SIGSTOP);
  driver_.resume();
  state_.size = driver_.size();
  must_draw_ = true;
}

void Loop::take_signals_that_came() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    switch (signal.ssi_signo) {
      case SIGWINCH:
        state_.size = driver_.size();
        driver_.redraw();
        must_draw_ = true;
        break;
      case SIGTSTP: suspend(); break;
      case SIGCONT:
        driver_.resume();
        state_.size = driver_.size();
        must_draw_ = true;
        break;
      default: stop_ = true; break;
    }
  }
}

void Loop::write_json(const std::string& path) {
  const std::uint64_t now = mono_now_ns();
  if (model_.history.empty()) return;
  const DocumentSource from{options_.host, monitor_.source(), clock_offset_};
  const bool is_written = write_new_file(path, state_.view->json(model_, state_, from));
  say(state_,
      is_written ? "written: " + path
                 : fmt::format("cannot write {}: {}", path, std::strerror(errno)),
      now);
}

void Loop::do_effect(const Effect& effect) {
  const std::uint64_t now = mono_now_ns();
  switch (effect.kind) {
    case Effect::Kind::kQuit: stop_ = true; return;
    case Effect::Kind::kSuspend: return suspend();
    case Effect::Kind::kRedraw: return driver_.redraw();
    case Effect::Kind::kCopy: return driver_.copy(effect.text);
    case Effect::Kind::kWriteJson: return write_json(effect.text);
    case Effect::Kind::kSignal: {
      const auto sent = send_signal(effect.process, effect.number);
      say(state_,
          sent ? fmt::format("signal {} sent to {} {}", effect.number, effect.text,
                             effect.process.pid)
               : sent.error().message() +
                     (sent.error().detail().empty() ? "" : ": " + sent.error().detail()),
          now);
      return;
    }
    case Effect::Kind::kInterval:
      next_sample_ns_ = now + state_.settings.interval_ms * kMillisecond;
      return;
    case Effect::Kind::kTheme:
      if (const auto theme = find_theme(effect.text)) driver_.set_theme(*theme);
      return;
  }
}

int Loop::wait_ms(std::uint64_t now) const {
  std::uint64_t until = next_sample_ns_;
  if (!arrived_.empty()) until = std::min(until, arrived_due_ns_);
  if (may_draw_) until = std::min(until, drawn_ns_ + kFrame);
  if (!state_.message.empty()) until = std::min(until, state_.message_until_ns);
  if (until <= now) return 0;
  return static_cast<int>(std::min<std::uint64_t>((until - now) / kMillisecond + 1, INT_MAX));
}

Result<void> Loop::run() {
  signals_ = take_signals();
  if (auto done = sample(); !done) return done;
  draw();
  std::uint64_t now = mono_now_ns();
  const std::uint64_t end =
      options_.duration
          ? now + static_cast<std::uint64_t>(options_.duration->count()) * kMillisecond
          : UINT64_MAX;
  // Rates need a second sample, so it is taken soon.
  next_sample_ns_ = now + std::min<std::uint64_t>(state_.settings.interval_ms, 500) * kMillisecond;
  while (!stop_) {
    now = mono_now_ns();
    if (now >= end) break;
    std::array<pollfd, 4> files{
        {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
         {.fd = input_ended_ ? -1 : STDIN_FILENO, .events = POLLIN, .revents = 0},
         {.fd = monitor_.fd(), .events = POLLIN, .revents = 0},
         {.fd = driver_.wants_room() ? driver_.output_fd() : -1, .events = POLLOUT, .revents = 0}}};
    const std::uint64_t left = end == UINT64_MAX ? UINT64_MAX : (end - now) / kMillisecond + 1;
    const int timeout =
        static_cast<int>(std::min<std::uint64_t>(static_cast<std::uint64_t>(wait_ms(now)), left));
    ::poll(files.data(), files.size(), timeout);
    if (files[0].revents != 0) take_signals_that_came();
    if (stop_) break;
    if ((files[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) break;  // the terminal is gone
    if (files[1].revents != 0) take_keys();
    if (files[2].revents != 0) {
      if (auto done = monitor_.consume(handler_); !done)
        return tl::make_unexpected(std::move(done).error());
    }
    if (!arrived_.empty() && mono_now_ns() >= arrived_due_ns_) take_arrived();
    if (events_came_ && state_.view->shows_events && !state_.is_frozen()) may_draw_ = true;
    events_came_ = false;
    if (files[3].revents != 0 && !driver_.flush()) break;
    now = mono_now_ns();
    if (!state_.message.empty() && now >= state_.message_until_ns) must_draw_ = true;
    if (now >= next_sample_ns_) {
      if (auto done = sample(); !done) return done;
      const std::uint64_t interval = state_.settings.interval_ms * kMillisecond;
      // After a slow pass, missed intervals are skipped and not made up for.
      next_sample_ns_ += interval;
      if (next_sample_ns_ <= now) next_sample_ns_ = now + interval;
    }
    if (must_draw_ || (may_draw_ && now >= drawn_ns_ + kFrame)) draw();
  }
  return {};
}

}  // namespace

Result<void> run_loop(Monitor& monitor, Driver driver, LoopOptions options) {
  return Loop(monitor, std::move(driver), std::move(options)).run();
}

}  // namespace sockscope::tui
