// SPDX-License-Identifier: Apache-2.0
#include "decode/endpoint_text.h"

#include <arpa/inet.h>

#include <cstring>

#include "decode/text_scan.h"

namespace sockscope {

std::optional<Address> parse_address(std::string_view text) {
  if (text.starts_with('[') && text.size() >= 2) {
    const std::size_t closing = text.find(']');
    if (closing == std::string_view::npos) return std::nullopt;
    const std::string_view after = text.substr(closing + 1);
    if (!after.empty() && !after.starts_with('%')) return std::nullopt;
    text = text.substr(1, closing - 1);
  }
  text = text.substr(0, text.find('%'));
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
  if (std::memcmp(address.bytes.data(), kMapped, sizeof kMapped) != 0) return address;
  Address mapped;
  mapped.family = 4;
  std::memcpy(mapped.bytes.data(), &address.bytes[12], 4);
  return mapped;
}

std::optional<Endpoint> parse_endpoint(std::string_view text, char separator, std::uint8_t family) {
  const std::size_t at = text.rfind(separator);
  if (at == std::string_view::npos) return std::nullopt;
  Endpoint endpoint;
  if (text.substr(0, at) == "*") {
    endpoint.addr.family = family;
  } else {
    const auto address = parse_address(text.substr(0, at));
    if (!address) return std::nullopt;
    endpoint.addr = *address;
  }
  const std::string_view port = text.substr(at + 1);
  if (port != "*") {
    const auto number = to_number<std::uint16_t>(port);
    if (!number) return std::nullopt;
    endpoint.port = *number;
  }
  return endpoint;
}

}  // namespace sockscope
