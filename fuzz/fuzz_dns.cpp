// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "decode/dns.h"

// Reads the bytes as one message, whole and truncated; and as a stream in segments, whose sizes,
// gaps and repetitions the bytes determine.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  if (const auto dns = sockscope::parse_dns(bytes)) {
    if (dns->answers.size() > sockscope::dns::kMostAnswers) std::abort();
    if (dns->name.size() > 2 * 255) std::abort();
  }
  (void)sockscope::parse_dns(bytes, size + 1);

  sockscope::DnsStream stream;
  std::uint32_t sequence = 0;
  for (auto rest = bytes; rest.size() > 2;) {
    const std::size_t wanted = data[size - rest.size()];
    const auto step = static_cast<std::int8_t>(data[size - rest.size() + 1]);
    rest = rest.subspan(2);
    const auto segment = rest.first(std::min(wanted, rest.size()));
    rest = rest.subspan(segment.size());
    stream.push(sequence, segment, segment.size() + (step > 100 ? 3 : 0),
                [](std::span<const std::byte> message) { (void)sockscope::parse_dns(message); });
    if (stream.buffered() > 65537) std::abort();
    sequence += static_cast<std::uint32_t>(static_cast<std::int64_t>(segment.size()) +
                                           (step < 0 ? step : 0));
  }
  return 0;
}
