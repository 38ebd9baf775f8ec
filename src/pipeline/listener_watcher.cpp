// SPDX-License-Identifier: Apache-2.0
#include "pipeline/listener_watcher.h"

#include <map>

#include "base/kernel_namespace.h"

namespace sockscope {
namespace {

// A look may miss a listener while others come and go. So it is remembered for some more, or it
// would seem to be new.
constexpr std::uint64_t kRemembered = 60;

}  // namespace

Result<ListenerWatcher> ListenerWatcher::open() {
  auto sockets = SockDiag::open_listeners();
  if (!sockets) return tl::make_unexpected(std::move(sockets).error());
  return ListenerWatcher(std::move(*sockets));
}

Result<std::vector<ListenerWatcher::Dropped>> ListenerWatcher::look(
    std::span<const PolledSocket> foreign) {
  // An interrupted dump shows some listeners twice.
  std::map<std::uint64_t, PolledSocket> shown;
  for (const PolledSocket& socket : foreign) shown.insert_or_assign(socket.flow.cookie, socket);
  const std::uint32_t home = home_netns();
  auto done = sockets_->read_listeners([&](PolledSocket& socket) {
    socket.flow.netns = home;
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
    if (const std::uint32_t grown = *socket.drops - count.drops; grown != 0)
      dropped.push_back({socket.flow, {grown, socket.waiting, socket.backlog}});
    count = {*socket.drops, looks_};
  }
  std::erase_if(counts_,
                [&](const auto& count) { return count.second.look + kRemembered < looks_; });
  return dropped;
}

}  // namespace sockscope
