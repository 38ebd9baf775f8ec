// SPDX-License-Identifier: Apache-2.0
#include "decode/endpoint_text.h"

#include "decode/text_scan.h"
#include "model/address.h"

namespace sockscope {

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
