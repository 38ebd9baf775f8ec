// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <sockscope/monitor.h>

#include "base/clock.h"
#include "pipeline/engine.h"
#include "pipeline/options_check.h"
#include "pipeline/reverse_resolver.h"
#include "source/tcp_internals/tcp_internals.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

Error refused_call(const char* doing, const char* detail) {
  return Error(ErrorKind::kInvalidArgument, {}, doing).with_detail(detail);
}

EngineResult open_engine(Source source, const Options& options, const FlowMatcher& matcher) {
  if (source == Source::kEbpf) return open_ebpf_engine(options, matcher);
  return open_polled_engine(source, options, matcher);
}

// Why a source is refused, in one line.
std::string reason(const Error& error) {
  const bool is_told =
      error.kind() == ErrorKind::kNotPermitted || error.kind() == ErrorKind::kKernelLacksFeature;
  if (!is_told || error.detail().empty()) return error.message();
  return error.detail().substr(0, error.detail().find('\n'));
}

}  // namespace

bool is_running(std::uint32_t pid) {
  return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

std::uint32_t home_netns() {
  struct stat status {};
  return ::stat("/proc/thread-self/ns/net", &status) == 0
             ? static_cast<std::uint32_t>(status.st_ino)
             : 0;
}

void set_timer(int timer, std::uint64_t after_ns) {
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(after_ns / kSecond);
  when.it_value.tv_nsec = static_cast<long>(after_ns % kSecond);
  ::timerfd_settime(timer, 0, &when, nullptr);
}

struct Monitor::Impl {
  std::unique_ptr<Engine> engine;
  TcpInternalsReader internals;
  Source source = Source::kEbpf;
  std::vector<Door> sources;  // those tried, and why the better ones were refused
  mutable std::vector<Door> doors;
  std::optional<ReverseResolver> resolver;
  Fd epoll;  // with a resolver: of the engine's file and its own

  Result<void> open_resolver();
  Handler with_names(const Handler& handler);
  void add_names(Snapshot& snapshot);
};

// It only adds to the picture: refused, that is said and all else goes on.
Result<void> Monitor::Impl::open_resolver() {
  auto opened = ReverseResolver::open(home_netns());
  if (!opened) {
    const Error& error = opened.error();
    sources.push_back({Observation::kReverseNames, "PTR/udp",
                       error.detail().empty() ? error.message() : error.detail(), {}, error.hint()});
    return {};
  }
  resolver.emplace(std::move(*opened));
  sources.push_back({Observation::kReverseNames, resolver->door(), {}});
  epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  for (const int file : {engine->fd(), resolver->fd()})
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, file, &wanted) != 0)
      return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "make a pollable file"));
  return {};
}

Monitor::Handler Monitor::Impl::with_names(const Handler& handler) {
  return [this, &handler](const Event& event) {
    const bool is_of_flow = event.kind != EventKind::kGap && event.kind != EventKind::kProcess &&
                            event.kind != EventKind::kDns;
    const auto name = is_of_flow ? resolver->find(event.flow, mono_now_ns()) : nullptr;
    if (!name) return handler(event);
    Event named = event;
    named.flow.remote_name = name;
    handler(named);
  };
}

void Monitor::Impl::add_names(Snapshot& snapshot) {
  for (Flow& flow : snapshot.flows)
    if (auto name = resolver->find(flow, snapshot.mono_ns)) flow.remote_name = std::move(name);
  resolver->work(mono_now_ns());
}

Result<Monitor> Monitor::open(const Options& options) {
  if (auto checked = check_options(options); !checked)
    return tl::make_unexpected(std::move(checked).error());
  auto matcher = FlowMatcher::compile(options.filter);
  if (!matcher) return tl::make_unexpected(std::move(matcher).error());

  auto impl = std::make_unique<Impl>();
  std::vector<Source> candidates = {options.source};
  // Who names doors wants eBPF.
  if (options.source == Source::kAuto && !options.doors.empty()) candidates = {Source::kEbpf};
  if (options.source == Source::kAuto && options.doors.empty())
    candidates = {Source::kEbpf, Source::kSockDiag, Source::kProcfs};
  std::optional<Error> best;  // of the best source that was refused
  for (const Source source : candidates) {
    auto engine = open_engine(source, options, *matcher);
    if (!engine) {
      impl->sources.push_back({Observation::kSource, std::string(to_string(source)), reason(engine.error()), {},
                               engine.error().hint()});
      if (!best) best = std::move(engine).error();
      continue;
    }
    impl->engine = std::move(*engine);
    impl->source = source;
    impl->sources.push_back({Observation::kSource, std::string(to_string(source)), {}});
    if (options.resolve)
      if (auto done = impl->open_resolver(); !done)
        return tl::make_unexpected(std::move(done).error());
    return Monitor(std::move(impl));
  }
  return tl::make_unexpected(std::move(*best));
}

Monitor::Monitor(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Monitor::Monitor(Monitor&&) noexcept = default;
Monitor& Monitor::operator=(Monitor&&) noexcept = default;
Monitor::~Monitor() = default;

int Monitor::fd() const noexcept {
  if (!impl_) return -1;
  return impl_->resolver ? impl_->epoll.get() : impl_->engine->fd();
}

Source Monitor::source() const noexcept { return impl_ ? impl_->source : Source::kAuto; }

Result<void> Monitor::check_use(const Handler* handler) const {
  if (!impl_)
    return tl::make_unexpected(refused_call("use this monitor", "it was moved to another"));
  if (handler && !*handler)
    return tl::make_unexpected(refused_call("hand over events", "the handler is null"));
  return {};
}

Result<std::size_t> Monitor::consume(const Handler& handler) {
  if (auto fit = check_use(&handler); !fit) return tl::make_unexpected(std::move(fit).error());
  if (!impl_->resolver) return impl_->engine->consume(handler);
  impl_->resolver->work(mono_now_ns());
  auto count = impl_->engine->consume(impl_->with_names(handler));
  impl_->resolver->work(mono_now_ns());
  return count;
}

Result<std::size_t> Monitor::finish(const Handler& handler) {
  if (auto fit = check_use(&handler); !fit) return tl::make_unexpected(std::move(fit).error());
  if (!impl_->resolver) return impl_->engine->finish(handler);
  impl_->resolver->work(mono_now_ns());
  return impl_->engine->finish(impl_->with_names(handler));
}

Result<std::size_t> Monitor::poll(std::chrono::milliseconds timeout, const Handler& handler) {
  if (auto fit = check_use(&handler); !fit) return tl::make_unexpected(std::move(fit).error());
  pollfd wanted{.fd = fd(), .events = POLLIN, .revents = 0};
  const auto limit = std::min<std::int64_t>(timeout.count(), INT32_MAX);
  const int ready = ::poll(&wanted, 1, limit < 0 ? -1 : static_cast<int>(limit));
  if (ready < 0 && errno != EINTR)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "wait for events"));
  if (ready <= 0) return 0;
  return consume(handler);
}

Result<Snapshot> Monitor::snapshot(const Handler& handler) {
  if (auto fit = check_use(nullptr); !fit) return tl::make_unexpected(std::move(fit).error());
  Snapshot snapshot;
  if (impl_->resolver) impl_->resolver->work(mono_now_ns());
  const Handler named = handler && impl_->resolver ? impl_->with_names(handler) : handler;
  if (auto done = impl_->engine->snapshot(handler ? &named : nullptr, snapshot); !done)
    return tl::make_unexpected(std::move(done).error());
  if (impl_->resolver) impl_->add_names(snapshot);
  snapshot.wall_ns = static_cast<std::uint64_t>(static_cast<std::int64_t>(snapshot.mono_ns) +
                                                mono_to_wall_ns());
  snapshot.source = impl_->source;
  snapshot.doors = doors();
  return snapshot;
}

void Monitor::wait_for_names(Snapshot& snapshot, std::chrono::milliseconds patience) {
  if (!impl_ || !impl_->resolver) return;
  ReverseResolver& resolver = *impl_->resolver;
  const std::uint64_t until =
      mono_now_ns() + static_cast<std::uint64_t>(patience.count()) * 1'000'000;
  // Of very many addresses only some wait at a time.
  do {
    for (std::uint64_t now = mono_now_ns(); !resolver.is_idle() && now < until;
         now = mono_now_ns()) {
      pollfd wanted{.fd = resolver.fd(), .events = POLLIN, .revents = 0};
      ::poll(&wanted, 1, static_cast<int>((until - now) / 1'000'000 + 1));
      resolver.work(mono_now_ns());
    }
    impl_->add_names(snapshot);
  } while (!resolver.is_idle() && mono_now_ns() < until);
}

Result<std::optional<TcpInternals>> Monitor::tcp_internals(const Flow& flow) {
  if (auto fit = check_use(nullptr); !fit) return tl::make_unexpected(std::move(fit).error());
  return impl_->internals.read(flow);
}

std::shared_ptr<const ProcessInfo> Monitor::process(std::uint32_t pid) const {
  return impl_ ? impl_->engine->process(pid) : nullptr;
}

const Loss& Monitor::loss() const noexcept {
  static const Loss none;
  return impl_ ? impl_->engine->loss() : none;
}

Cost Monitor::cost() const noexcept {
  Cost cost;
  if (impl_) cost = impl_->engine->cost();
  cost.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  return cost;
}

const std::vector<Door>& Monitor::doors() const noexcept {
  static const std::vector<Door> none;
  if (!impl_) return none;
  impl_->doors = impl_->sources;
  const auto& own = impl_->engine->doors();
  impl_->doors.insert(impl_->doors.end(), own.begin(), own.end());
  return impl_->doors;
}

std::int64_t mono_to_wall_ns() noexcept {
  return static_cast<std::int64_t>(clock_ns(CLOCK_REALTIME)) -
         static_cast<std::int64_t>(mono_now_ns());
}

}  // namespace sockscope
