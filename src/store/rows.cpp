// SPDX-License-Identifier: Apache-2.0
#include "store/rows.h"

namespace sockscope::store {

Moved Moved::of(const Counters& counters) noexcept {
  return {counters.tx_bytes, counters.rx_bytes, counters.tx_segments, counters.rx_segments,
          counters.retransmits};
}

Moved Moved::operator-(const Moved& before) const noexcept {
  // A counter that starts again has moved all that it shows.
  const auto grown = [](std::uint64_t now, std::uint64_t then) {
    return now >= then ? now - then : now;
  };
  return {grown(tx_bytes, before.tx_bytes), grown(rx_bytes, before.rx_bytes),
          grown(tx_segments, before.tx_segments), grown(rx_segments, before.rx_segments),
          grown(retransmits, before.retransmits)};
}

Moved& Moved::operator+=(const Moved& more) noexcept {
  tx_bytes += more.tx_bytes;
  rx_bytes += more.rx_bytes;
  tx_segments += more.tx_segments;
  rx_segments += more.rx_segments;
  retransmits += more.retransmits;
  return *this;
}

}  // namespace sockscope::store
