// SPDX-License-Identifier: Apache-2.0
#include "pipeline/listener_watcher.h"

#include <map>

#include "base/kernel_namespace.h"

namespace sockscope {

Result<ListenerWatcher> ListenerWatcher::open() {
  auto sockets = SockDiag::open_listeners();
  if (!sockets) return tl::make_unexpected(std::move(sockets).error());
  ListenerWatcher watcher(std::move(*sockets));
  if (auto first = watcher.look(); !first) return tl::make_unexpected(std::move(first).error());
  return watcher;
}

Result<std::vector<ListenerWatcher::Dropped>> ListenerWatcher::look() {
  // An interrupted dump shows some listeners twice.
  std::map<std::uint64_t, PolledSocket> shown;
  auto done = sockets_->read_listeners([&](PolledSocket& socket) {
    if (socket.drops) shown.insert_or_assign(socket.flow.cookie, socket);
  });
  if (!done) return tl::make_unexpected(std::move(done).error());
  const bool is_first = ++looks_ == 1;
  std::vector<Dropped> dropped;
  for (const auto& [cookie, socket] : shown) {
    const auto [place, is_new] = counts_.try_emplace(cookie);
    Count& count = place->second;
    if (is_new && is_first) count.drops = *socket.drops;
    // The kernel's counter has 32 bits and wraps around.
    if (const std::uint32_t grown = *socket.drops - count.drops; grown != 0) {
      dropped.push_back({socket.flow, {grown, socket.waiting, socket.backlog}});
      dropped.back().listener.netns = home_netns();
    }
    count = {*socket.drops, looks_};
  }
  std::erase_if(counts_, [&](const auto& count) { return count.second.look != looks_; });
  return dropped;
}

}  // namespace sockscope
