// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <sockscope/monitor.h>

#include "model/match.h"

namespace sockscope {

// What stands behind a Monitor: one way to observe, whole. Its functions mean what the Monitor's do.
class Engine {
 public:
  using Handler = Monitor::Handler;

  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  virtual int fd() const noexcept = 0;
  virtual Result<std::size_t> consume(const Handler& handler) = 0;
  virtual Result<std::size_t> finish(const Handler& handler) = 0;
  // Fills all but wall_ns, source and doors. handler may be null.
  virtual Result<void> snapshot(const Handler* handler, Snapshot& snapshot) = 0;
  virtual std::shared_ptr<const ProcessInfo> process(std::uint32_t pid) const = 0;
  virtual const Loss& loss() const noexcept = 0;
  virtual const Cost& cost() const noexcept = 0;
  virtual const std::vector<Door>& doors() const noexcept = 0;
};

using EngineResult = Result<std::unique_ptr<Engine>>;
EngineResult open_ebpf_engine(const Options& options, const FlowMatcher& matcher);
// source: kSockDiag or kProcfs.
EngineResult open_polled_engine(Source source, const Options& options, const FlowMatcher& matcher);

bool is_running(std::uint32_t pid);
std::uint32_t home_netns();
// Arms a timer file: once, after so long; 0: not. The file is no longer readable.
void set_timer(int timer, std::uint64_t after_ns);

}  // namespace sockscope
