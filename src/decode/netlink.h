// SPDX-License-Identifier: Apache-2.0
// The parts that all netlink messages are made of. Pure; lengths in the data are not trusted.
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>

namespace sockscope {

constexpr std::size_t netlink_aligned(std::size_t size) noexcept {
  return (size + 3) & ~std::size_t{3};
}

// Copies the first bytes into `value`. False: there are too few.
template <class T>
bool read_struct(std::span<const std::byte> bytes, T& value) noexcept {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  return true;
}

struct NetlinkAttribute {
  int type = 0;  // without flags such as NLA_F_NESTED
  std::span<const std::byte> data;
};

// Removes the next attribute from `bytes` and returns it. Empty when there is none, or when it is
// longer than what is left; then `bytes` stay as they are.
inline std::optional<NetlinkAttribute> take_attribute(std::span<const std::byte>& bytes) noexcept {
  nlattr header;
  if (!read_struct(bytes, header) || header.nla_len < sizeof header ||
      header.nla_len > bytes.size())
    return std::nullopt;
  const NetlinkAttribute attribute{header.nla_type & NLA_TYPE_MASK,
                                   bytes.subspan(sizeof header, header.nla_len - sizeof header)};
  bytes = bytes.subspan(std::min(netlink_aligned(header.nla_len), bytes.size()));
  return attribute;
}

}  // namespace sockscope
