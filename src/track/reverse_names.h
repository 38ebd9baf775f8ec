// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

namespace sockscope {

// Which addresses to look up in reverse, and their names: the cache and the queue of a resolver,
// without its sockets. Pure: time comes in as an argument. Memory is bounded: at most
// kMostAddresses, of which those unused for the longest time are forgotten first; at most
// kMostWaiting wait to be asked, and more are refused until there is room; at most kMostAtOnce are
// in progress. A name is kept for its time to live, limited to kLeastNs … kMostNs; that there is no
// name is kept for kNothingNs.
class ReverseNames {
 public:
  static constexpr std::size_t kMostAddresses = 4'096;
  static constexpr std::size_t kMostWaiting = 1'024;
  static constexpr std::size_t kMostAtOnce = 16;
  static constexpr unsigned kAttempts = 2;
  static constexpr std::uint64_t kPatienceNs = 2'000'000'000;  // for one attempt
  static constexpr std::uint64_t kLeastNs = 60'000'000'000;
  static constexpr std::uint64_t kMostNs = 3'600'000'000'000;
  static constexpr std::uint64_t kNothingNs = 300'000'000'000;

  struct Question {
    std::uint16_t id = 0;
    Address address;
    unsigned attempt = 0;
  };

  // The name of the address; null: not known, or there is none. An address whose name is not known
  // or too old is queued.
  std::shared_ptr<const RemoteName> find(const Address& address, std::uint64_t now_ns);

  // The next question, which counts as sent now. Its number is the first free one from `id` on,
  // which the caller chooses at random. Empty: there is none, or enough are in progress.
  std::optional<Question> next(std::uint16_t id, std::uint64_t now_ns);

  // Takes the answer of a server. Answers without a question are ignored. After one that says
  // nothing about the address (SERVFAIL, REFUSED) the question is repeated or given up.
  void take(const DnsMessage& answer, const Endpoint& server, std::uint64_t now_ns);

  // Repeats or gives up questions that got no answer in time.
  void expire(std::uint64_t now_ns);

  // When expire() has something to do; 0: nothing is in progress.
  std::uint64_t deadline_ns() const noexcept;
  bool is_idle() const noexcept { return waiting_.empty() && under_way_.empty(); }
  std::size_t addresses() const noexcept { return young_.size() + old_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const RemoteName> name;
    std::uint64_t until_ns = 0;
    bool is_asked = false;  // waits, or is in progress
  };
  struct Hash {
    std::size_t operator()(const Address& address) const noexcept;
  };
  struct Sent {
    Question question;
    std::uint64_t sent_ns = 0;
  };
  using Generation = std::unordered_map<Address, Entry, Hash>;

  Entry& entry_of(const Address& address);
  void again(const Question& question, std::uint64_t now_ns);

  Generation young_;
  Generation old_;
  std::deque<Question> waiting_;
  std::map<std::uint16_t, Sent> under_way_;
};

// The name under which an address is looked up in reverse: "80.2.0.192.in-addr.arpa", RFC 3596's
// "…ip6.arpa".
std::string reverse_name(const Address& address);

}  // namespace sockscope
