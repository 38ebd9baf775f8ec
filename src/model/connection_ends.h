// SPDX-License-Identifier: Apache-2.0
// Both ends of a connection, usable as a key.
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <functional>
#include <string_view>

namespace sockscope {

struct ConnectionEnds {
  Endpoint local;
  Endpoint remote;  // family 0: not connected
  Protocol protocol = Protocol::kTcp;
  bool operator==(const ConnectionEnds&) const = default;
};

struct ConnectionEndsHash {
  std::size_t operator()(const ConnectionEnds& ends) const noexcept {
    return mix(mix(static_cast<std::size_t>(ends.protocol), ends.local), ends.remote);
  }

 private:
  static std::size_t mix(std::size_t hash, const Endpoint& endpoint) noexcept {
    const std::string_view bytes(reinterpret_cast<const char*>(endpoint.addr.bytes.data()),
                                 endpoint.addr.bytes.size());
    return (hash * 31 + std::hash<std::string_view>{}(bytes)) * 31 + endpoint.port;
  }
};

}  // namespace sockscope
