// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace sockscope {

// In lower case, as DNS compares names.
std::string dns_lower(std::string_view name);

// Which query an answer answers: that of the same socket with the same number, type and name. The
// server's address is not compared: where addresses are translated, it is another on the way back.
// Time is that of the events. Memory is bounded: what is older than five seconds goes, and beyond
// kMost the oldest.
class DnsQueries {
 public:
  static constexpr std::uint64_t kPatienceNs = 5'000'000'000;
  static constexpr std::size_t kMost = 16'384;

  // Of an event::Dns. A query is remembered (asked again, the first counts); of an answer the time
  // since its query, and the query is forgotten.
  std::optional<std::uint64_t> note(const Event& event);
  // Forgets what no answer came to by now, the oldest first; hands over those that this host sent,
  // as noted.
  void advance(std::uint64_t now_ns, const std::function<void(const Event&)>& unanswered);
  // When advance() has something to do; ~0: never.
  std::uint64_t next_ns() const noexcept {
    return by_age_.empty() ? ~std::uint64_t{0} : by_age_.front()->second.asked_ns + kPatienceNs;
  }
  std::size_t size() const noexcept { return queries_.size(); }

 private:
  struct Key {
    std::uint64_t cookie = 0;
    Endpoint local;  // only where there is no cookie: it may be translated on its way, too
    std::uint16_t id = 0;
    std::uint16_t type = 0;
    std::string name;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct Query;
  using Queries = std::unordered_map<Key, Query, Hash>;
  using ByAge = std::list<Queries::value_type*>;
  struct Query {
    std::uint64_t asked_ns = 0;
    std::unique_ptr<const Event> sent;  // null: received
    ByAge::iterator by_age;
  };

  void forget(Queries::value_type& query);

  Queries queries_;
  ByAge by_age_;  // the oldest first
};

}  // namespace sockscope
