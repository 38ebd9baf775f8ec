// SPDX-License-Identifier: Apache-2.0
#include "model/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <deque>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "base/text.h"

namespace sockscope {
namespace {

// Never destroyed: threads may still ask addresses for their zone while the program ends.
struct Names {
  std::mutex mutex;
  std::deque<std::string> names{""};
  std::unordered_map<std::string_view, std::uint16_t> numbers{{names.front(), 0}};

  static Names& get() {
    static Names& all = *new Names;
    return all;
  }
};

}  // namespace

Zone::Zone(std::string_view name) {
  std::string cleaned = clean_text(name);
  Names& all = Names::get();
  const std::lock_guard lock(all.mutex);
  if (const auto known = all.numbers.find(cleaned); known != all.numbers.end()) {
    number_ = known->second;
  } else if (all.names.size() <= std::numeric_limits<std::uint16_t>::max()) {
    number_ = static_cast<std::uint16_t>(all.names.size());
    all.names.push_back(std::move(cleaned));
    all.numbers.emplace(all.names.back(), number_);
  }
}

std::string_view Zone::name() const noexcept {
  if (number_ == 0) return "";
  Names& all = Names::get();
  const std::lock_guard lock(all.mutex);
  return all.names[number_];
}

bool Address::is_unspecified() const noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool Address::is_loopback() const noexcept {
  if (family == 4) return bytes[0] == 127;
  return bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

bool Address::is_global() const noexcept {
  const std::uint8_t first = bytes[0];
  const std::uint8_t second = bytes[1];
  if (family == 6) return first >> 5 == 1;  // 2000::/3
  const bool is_private = first == 10 || (first == 172 && second >> 4 == 1) ||
                          (first == 192 && second == 168) || (first == 100 && second >> 6 == 1);
  const bool is_of_link = first == 169 && second == 254;
  return first != 0 && first != 127 && first < 224 && !is_private && !is_of_link;
}

bool Address::is_of_zone() const noexcept {
  return family == 6 &&
         ((bytes[0] == 0xfe && bytes[1] >> 6 == 2) || (bytes[0] == 0xff && (bytes[1] & 0x0f) == 2));
}

std::string to_string(const Address& address) {
  if (address.family == 6) {
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
    const std::string_view zone = address.zone.name();
    return zone.empty() ? std::string(text) : text + ('%' + std::string(zone));
  }
  std::string text;  // inet_ntop uses printf for this, and it runs twice per event
  for (std::size_t i = 0; i < 4; ++i) {
    char digits[4];
    if (i != 0) text += '.';
    text.append(digits, std::to_chars(digits, digits + sizeof digits, address.bytes[i]).ptr);
  }
  return text;
}

std::string to_string(const Endpoint& endpoint) {
  std::string text = to_string(endpoint.addr);
  if (endpoint.addr.family == 6) text = '[' + text + ']';
  return text + ':' + std::to_string(endpoint.port);
}

std::optional<Address> parse_address(std::string_view text) {
  std::string_view zone;
  if (text.starts_with('[') && text.size() >= 2) {
    const std::size_t closing = text.find(']');
    if (closing == std::string_view::npos) return std::nullopt;
    zone = text.substr(closing + 1);
    if (!zone.empty() && !zone.starts_with('%')) return std::nullopt;
    text = text.substr(1, closing - 1);
  }
  if (const std::size_t percent = text.find('%'); percent != std::string_view::npos) {
    zone = text.substr(percent);
    text = text.substr(0, percent);
  }
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';

  Address address;
  if (::inet_pton(AF_INET, buffer, address.bytes.data()) == 1) {
    address.family = 4;
    return address;
  }
  if (::inet_pton(AF_INET6, buffer, address.bytes.data()) != 1) return std::nullopt;
  address.family = 6;
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(address.bytes.data(), kMapped, sizeof kMapped) != 0) {
    if (!zone.empty() && address.is_of_zone()) address.zone = Zone(zone.substr(1));
    return address;
  }
  Address mapped;
  mapped.family = 4;
  std::memcpy(mapped.bytes.data(), &address.bytes[12], 4);
  return mapped;
}

}  // namespace sockscope
