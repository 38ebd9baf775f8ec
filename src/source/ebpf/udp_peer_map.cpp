// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/udp_peer_map.h"

#include <bpf/bpf.h>

#include <cerrno>

namespace sockscope {
namespace {

// The kernel returns whole buckets of its hash, so a batch must have room for the fullest one.
constexpr std::uint32_t kBatch = 1024;
constexpr std::uint32_t kMostBatch = 1u << 20;

template <class Key, class Value, class Handler>
Result<void> for_each_element(int map, Handler handle) {
  std::vector<Key> keys(kBatch);
  std::vector<Value> values(kBatch);
  std::uint32_t token = 0;
  bool is_first = true;
  for (;;) {
    auto count = static_cast<std::uint32_t>(keys.size());
    const int result = bpf_map_lookup_batch(map, is_first ? nullptr : &token, &token, keys.data(),
                                            values.data(), &count, nullptr);
    if (result == -ENOSPC && keys.size() < kMostBatch) {
      keys.resize(keys.size() * 2);
      values.resize(values.size() * 2);
      continue;
    }
    if (result != 0 && result != -ENOENT)  // ENOENT: that was the last batch
      return tl::make_unexpected(
          Error::from_errno(ErrorKind::kIo, result, "read the remote ends of UDP sockets"));
    for (std::uint32_t i = 0; i < count; ++i) handle(keys[i], values[i]);
    if (result == -ENOENT) return {};
    is_first = false;
  }
}

}  // namespace

Result<std::size_t> UdpPeerMap::read(const Handle& handle) {
  std::unordered_set<std::uint64_t> closed;
  auto done = for_each_element<std::uint64_t, std::uint8_t>(
      closed_, [&](std::uint64_t cookie, std::uint8_t) { closed.insert(cookie); });
  if (!done) return tl::make_unexpected(std::move(done).error());
  std::vector<wire_udp_peer_key> ended;
  done = for_each_element<wire_udp_peer_key, wire_udp_peer>(
      peers_, [&](const wire_udp_peer_key& key, const wire_udp_peer& value) {
        const bool is_closed = closed.contains(key.cookie);
        if (is_closed) ended.push_back(key);
        handle(key, value, is_closed);
      });
  if (!done) return tl::make_unexpected(std::move(done).error());
  std::size_t removed = 0;
  for (const wire_udp_peer_key& key : ended)
    if (bpf_map_delete_elem(peers_, &key) == 0) ++removed;
  return removed;
}

}  // namespace sockscope
