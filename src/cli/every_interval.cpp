// SPDX-License-Identifier: Apache-2.0
#include "cli/every_interval.h"

#include <poll.h>

#include <algorithm>
#include <climits>

namespace sockscope {

Wake wait_until(std::chrono::steady_clock::time_point deadline, int stop_fd, const Sinks& sinks,
                const std::vector<int>& files) {
  std::vector<pollfd> polled{{.fd = stop_fd, .events = POLLIN, .revents = 0}};
  for (const auto& sink : sinks) polled.push_back({.fd = sink->fd(), .events = 0, .revents = 0});
  const std::size_t first_file = polled.size();
  for (const int file : files) polled.push_back({.fd = file, .events = POLLIN, .revents = 0});
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto timeout = std::clamp<std::int64_t>(left.count(), 0, INT_MAX);
    const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(timeout));
    if (polled[0].revents != 0) return Wake::kStop;
    for (std::size_t i = 1; i < first_file; ++i)
      if ((polled[i].revents & (POLLERR | POLLHUP)) != 0) return Wake::kReaderGone;
    // Checked before the files, because on a busy host those always have something.
    if (std::chrono::steady_clock::now() >= deadline) return Wake::kTime;
    if (ready > 0) return Wake::kFiles;
  }
}

}  // namespace sockscope
