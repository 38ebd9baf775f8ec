// SPDX-License-Identifier: Apache-2.0
// Netlink messages made by tests.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace sockscope {

using Bytes = std::vector<std::byte>;

template <class T>
void append(Bytes& bytes, const T& value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof value);
  std::memcpy(&bytes[at], &value, sizeof value);
}

// Padded to four bytes, as netlink requires.
inline void add_attribute(Bytes& bytes, unsigned type, std::span<const std::byte> data) {
  append(bytes, nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + data.size()),
                       static_cast<std::uint16_t>(type)});
  bytes.insert(bytes.end(), data.begin(), data.end());
  while (bytes.size() % 4 != 0) bytes.push_back({});
}
inline void add_attribute(Bytes& bytes, unsigned type, std::string_view text) {
  add_attribute(bytes, type, std::as_bytes(std::span(text)));
}
template <class T>
void add_value(Bytes& bytes, unsigned type, const T& value) {
  Bytes data;
  append(data, value);
  add_attribute(bytes, type, data);
}

}  // namespace sockscope
