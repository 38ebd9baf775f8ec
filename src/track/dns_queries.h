// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace sockscope {

// In lower case, as DNS compares names.
std::string dns_lower(std::string_view name);

// Which query an answer answers: that of the same socket with the same number, type and name. The
// server's address is not compared: where addresses are translated, it is another on the way back.
// Time is that of the events. Memory is bounded: what is older than five seconds goes, or is among
// the oldest of kMost.
class DnsQueries {
 public:
  static constexpr std::uint64_t kPatienceNs = 5'000'000'000;
  static constexpr std::size_t kMost = 16'384;

  // Of a kDns event. A query is remembered (asked again, the first counts); of an answer the time
  // since its query, and the query is forgotten.
  std::optional<std::uint64_t> note(const Event& event);
  std::size_t size() const noexcept { return young_.size() + old_.size(); }

 private:
  struct Key {
    std::uint64_t cookie = 0;
    Endpoint local;
    std::uint16_t id = 0;
    std::uint16_t type = 0;
    std::string name;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  using Generation = std::unordered_map<Key, std::uint64_t, Hash>;

  Generation young_;
  Generation old_;
  std::uint64_t began_ns_ = 0;  // of the young generation
};

}  // namespace sockscope
