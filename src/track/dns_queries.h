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

// Matches answers to queries: same socket, number, type and name. The server's address is not
// compared, because with address translation the answer may come from another one. The clock is the
// events'. Memory is bounded: queries older than five seconds are forgotten, and beyond kMost the
// oldest.
class DnsQueries {
 public:
  static constexpr std::uint64_t kPatienceNs = 5'000'000'000;
  static constexpr std::size_t kMost = 16'384;

  // Takes an event::Dns. Remembers a query (when it is repeated, the first one counts). For an
  // answer, returns the time since its query and forgets the query.
  std::optional<std::uint64_t> note(const Event& event);
  // Forgets queries that got no answer in time, oldest first; hands over those that this host sent,
  // as they were noted.
  void advance(std::uint64_t now_ns, const std::function<void(const Event&)>& unanswered);
  // When advance() has something to do; ~0: never.
  std::uint64_t next_ns() const noexcept {
    return by_age_.empty() ? ~std::uint64_t{0} : by_age_.front()->second.asked_ns + kPatienceNs;
  }
  std::size_t size() const noexcept { return queries_.size(); }

 private:
  struct Key {
    std::uint64_t cookie = 0;
    Endpoint local;  // only without a cookie; it may be translated, too
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
    std::unique_ptr<const Event> sent;  // null: the query was received
    ByAge::iterator by_age;
  };

  void forget(Queries::value_type& query);

  Queries queries_;
  ByAge by_age_;  // oldest first
};

}  // namespace sockscope
