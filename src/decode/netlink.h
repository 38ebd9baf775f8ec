// SPDX-License-Identifier: Apache-2.0
// What all netlink messages are made of. Pure; lengths are not believed.
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

// The whole bytes of T at the begin of `bytes`. False: there are not so many.
template <class T>
bool read_struct(std::span<const std::byte> bytes, T& value) noexcept {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  return true;
}

struct NetlinkAttribute {
  int type = 0;  // without NLA_F_NESTED and its like
  std::span<const std::byte> data;
};

// Takes the next attribute off. Empty at the end, and when it does not fit into what is left, which
// stays as it is then: at the end nothing is left that could hold one.
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
