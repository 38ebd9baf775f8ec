// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sockscope/monitor.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.h"
#include "base/kernel_namespace.h"
#include "pipeline/options_check.h"
#include "pipeline/tracker.h"
#include "source/tcp_internals/tcp_internals.h"

namespace sockscope {
namespace {

Error refused_call(const char* doing, const char* detail) {
  return Error(ErrorKind::kInvalidArgument, {}, doing).with_detail(detail);
}

Result<std::unique_ptr<Tracker>> open_tracker(Source source, const Options& options,
                                              const FlowMatcher& matcher,
                                              const std::vector<Door>& doors) {
  auto observer = source == Source::kEbpf ? open_ebpf_observer(options, matcher)
                                          : open_polled_observer(source, options);
  if (!observer) return tl::make_unexpected(std::move(observer).error());
  return Tracker::open(options, matcher, std::move(*observer), doors);
}

// In one line, why a source is refused.
std::string reason(const Error& error) {
  const bool is_told =
      error.kind() == ErrorKind::kNotPermitted || error.kind() == ErrorKind::kKernelLacksFeature;
  if (!is_told || error.detail().empty()) return error.message();
  return error.detail().substr(0, error.detail().find('\n'));
}

}  // namespace

struct Monitor::Impl {
  std::unique_ptr<Tracker> tracker;
  TcpInternalsReader internals;
  bool tells_internals = false;  // in snapshots
  Source source = Source::kEbpf;
};

Result<Monitor> Monitor::open(const Options& options) {
  if (auto checked = check_options(options); !checked)
    return tl::make_unexpected(std::move(checked).error());
  auto matcher = FlowMatcher::compile(options.filter);
  if (!matcher) return tl::make_unexpected(std::move(matcher).error());

  auto impl = std::make_unique<Impl>();
  impl->tells_internals = options.tcp_internals;
  std::vector<Source> candidates = {options.source};
  // Naming doors implies eBPF.
  if (options.source == Source::kAuto && !options.doors.empty()) candidates = {Source::kEbpf};
  if (options.source == Source::kAuto && options.doors.empty())
    candidates = {Source::kEbpf, Source::kSockDiag, Source::kProcfs};
  std::vector<Door> tried;
  std::optional<Error> best;  // of the best source that was refused
  for (const Source source : candidates) {
    tried.push_back({Observation::kSource, std::string(to_string(source)), {}});
    auto tracker = open_tracker(source, options, *matcher, tried);
    if (!tracker) {
      tried.back().refused = reason(tracker.error());
      tried.back().advice = tracker.error().hint();
      if (!best) best = std::move(tracker).error();
      continue;
    }
    impl->tracker = std::move(*tracker);
    impl->source = source;
    return Monitor(std::move(impl));
  }
  return tl::make_unexpected(std::move(*best));
}

Monitor::Monitor(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Monitor::Monitor(Monitor&&) noexcept = default;
Monitor& Monitor::operator=(Monitor&&) noexcept = default;
Monitor::~Monitor() = default;

int Monitor::fd() const noexcept {
  return impl_ ? impl_->tracker->fd() : -1;
}

Source Monitor::source() const noexcept {
  return impl_ ? impl_->source : Source::kAuto;
}

Result<void> Monitor::check_use(const Handler* handler) const {
  if (!impl_)
    return tl::make_unexpected(refused_call("use this monitor", "it was moved to another"));
  if (handler && !*handler)
    return tl::make_unexpected(refused_call("hand over events", "the handler is null"));
  return {};
}

Result<std::size_t> Monitor::consume(const Handler& handler) {
  if (auto fit = check_use(&handler); !fit) return tl::make_unexpected(std::move(fit).error());
  return impl_->tracker->consume(handler);
}

Result<std::size_t> Monitor::finish(const Handler& handler) {
  if (auto fit = check_use(&handler); !fit) return tl::make_unexpected(std::move(fit).error());
  return impl_->tracker->finish(handler);
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
  if (auto done = impl_->tracker->snapshot(handler ? &handler : nullptr, snapshot); !done)
    return tl::make_unexpected(std::move(done).error());
  if (impl_->tells_internals) add_tcp_internals(snapshot);
  snapshot.wall_ns =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(snapshot.mono_ns) + mono_to_wall_ns());
  snapshot.source = impl_->source;
  snapshot.doors = doors();
  return snapshot;
}

void Monitor::wait_for_names(Snapshot& snapshot, std::chrono::milliseconds patience) {
  if (impl_) impl_->tracker->wait_for_names(snapshot, patience);
}

void Monitor::add_tcp_internals(Snapshot& snapshot) {
  if (!impl_) return;
  const std::uint32_t home = home_netns();
  for (Flow& flow : snapshot.flows) {
    if (flow.internals || flow.closed || flow.protocol != Protocol::kTcp) continue;
    if (flow.netns != home)
      flow.internals = impl_->tracker->foreign_listener(flow.cookie);
    else if (const auto known = impl_->internals.read(flow); known && *known)
      flow.internals = std::make_shared<const TcpInternals>(**known);
  }
}

Result<std::optional<TcpInternals>> Monitor::tcp_internals(const Flow& flow) {
  if (auto fit = check_use(nullptr); !fit) return tl::make_unexpected(std::move(fit).error());
  if (const auto queue = impl_->tracker->foreign_listener(flow.cookie)) return *queue;
  return impl_->internals.read(flow);
}

std::shared_ptr<const ProcessInfo> Monitor::process(std::uint32_t pid) const {
  return impl_ ? impl_->tracker->process(pid) : nullptr;
}

const Loss& Monitor::loss() const noexcept {
  static const Loss none;
  return impl_ ? impl_->tracker->loss() : none;
}

Cost Monitor::cost() const noexcept {
  Cost cost;
  if (impl_) cost = impl_->tracker->cost();
  cost.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  return cost;
}

const std::vector<Door>& Monitor::doors() const noexcept {
  static const std::vector<Door> none;
  return impl_ ? impl_->tracker->doors() : none;
}

std::int64_t mono_to_wall_ns() noexcept {
  return static_cast<std::int64_t>(clock_ns(CLOCK_REALTIME)) -
         static_cast<std::int64_t>(mono_now_ns());
}

}  // namespace sockscope
