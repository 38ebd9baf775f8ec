// SPDX-License-Identifier: Apache-2.0
#include "model/connection_ids.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace sockscope {
namespace {

static_assert(std::tuple_size_v<ConnectionKey> == crypto_shorthash_KEYBYTES);

// Numbers are written so that hosts of either byte order make the same name.
template <std::size_t N>
class Message {
 public:
  void add(std::uint64_t number, std::size_t width) noexcept {
    for (std::size_t i = width; i-- > 0;)
      bytes_[size_++] = static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
  }
  // IPv4 as it is mapped into IPv6.
  void add(const Endpoint& end) noexcept {
    if (end.addr.family == 4) {
      size_ += 10;  // zeros
      add(0xffff, 2);
    }
    const std::size_t width = end.addr.family == 4 ? 4 : 16;
    std::memcpy(&bytes_[size_], end.addr.bytes.data(), width);
    size_ += width;
    add(end.port, 2);
  }
  std::string_view text() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, N> bytes_{};
  std::size_t size_ = 0;
};

ConnectionId named(std::uint64_t hash) noexcept {
  return ConnectionId{std::max<std::uint64_t>(hash, 1)};
}

bool is_less(const Endpoint& a, const Endpoint& b) noexcept {
  return std::pair(a.addr.bytes, a.port) < std::pair(b.addr.bytes, b.port);
}

}  // namespace

std::uint64_t ConnectionIds::hash(std::string_view bytes) const noexcept {
  std::array<unsigned char, crypto_shorthash_BYTES> out{};
  crypto_shorthash(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                   key_.data());
  std::uint64_t number = 0;
  for (const unsigned char byte : out) number = number << 8 | byte;
  return number;
}

ConnectionId ConnectionIds::of_tcp(const Isns& isns) const noexcept {
  if (isns.local == 0 && isns.remote == 0) return ConnectionId::kUnknown;
  const auto [first, second] = std::minmax(isns.local, isns.remote);
  Message<8> message;
  message.add(first, 4);
  message.add(second, 4);
  return named(hash(message.text()));
}

ConnectionId ConnectionIds::of_udp(const Flow& flow) const noexcept {
  if (flow.protocol != Protocol::kUdp || flow.remote.port == 0 ||
      flow.local.addr.is_unspecified() || flow.remote.addr.is_unspecified())
    return ConnectionId::kUnknown;
  const bool is_swapped = is_less(flow.remote, flow.local);
  Message<48> message;
  message.add(is_swapped ? flow.remote : flow.local);
  message.add(is_swapped ? flow.local : flow.remote);
  if (flow.local.addr.is_loopback()) {
    message.add(host_, 8);
    message.add(flow.netns, 4);
  }
  return named(hash(message.text()));
}

std::optional<ConnectionId> parse_connection_id(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, 16);
  if (error != std::errc{} || stop != end || text.size() != 16) return std::nullopt;
  return ConnectionId{number};
}

ConnectionKey host_connection_key(std::string_view machine_id, std::string_view boot_id) noexcept {
  constexpr std::string_view kPurpose = "sockscope connection names 1";
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  ConnectionKey key{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, key.size());
  for (const std::string_view part : {kPurpose, machine_id, std::string_view(" "), boot_id})
    crypto_generichash_update(&state, bytes(part), part.size());
  crypto_generichash_final(&state, key.data(), key.size());
  return key;
}

}  // namespace sockscope
