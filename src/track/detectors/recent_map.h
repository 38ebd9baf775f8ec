// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <string_view>
#include <unordered_map>

namespace sockscope::detectors {

// Identifies what detectors count. Made of bytes; the parts must be added in the same order each
// time.
class Key {
 public:
  Key& add(const Address& address) {
    put(&address.family, 1);
    return put(address.bytes.data(), address.bytes.size());
  }
  Key& add(const Endpoint& endpoint) {
    add(endpoint.addr);
    return put(&endpoint.port, sizeof endpoint.port);
  }
  // A program: its name and user, whatever its pid.
  Key& add_program(const Owner& owner) {
    const std::uint32_t uid = owner.uid.value_or(0xffffffff);
    put(owner.comm.data(), owner.comm.size());
    return put(&uid, sizeof uid);
  }
  Key& add_process(const Owner& owner) {
    put(&owner.pid, sizeof owner.pid);
    return put(&owner.start_ns, sizeof owner.start_ns);
  }
  Key& add(std::uint64_t number) { return put(&number, sizeof number); }
  bool operator==(const Key&) const = default;

  struct Hash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<std::string_view>()({key.bytes_.data(), key.size_});
    }
  };

 private:
  Key& put(const void* bytes, std::size_t size) {
    if (size_ + size > bytes_.size()) return *this;
    std::memcpy(bytes_.data() + size_, bytes, size);
    size_ = static_cast<std::uint8_t>(size_ + size);
    return *this;
  }
  std::array<char, 47> bytes_{};
  std::uint8_t size_ = 0;
};

// A map of limited size: when it is full, the entry that was unused for the longest time is
// forgotten.
template <class Value>
class RecentMap {
 public:
  explicit RecentMap(std::size_t most) : most_(most) {}

  // Finds or makes the entry. The reference is valid until the next call.
  Value& use(const Key& key, std::uint64_t now_ns) {
    if (const auto found = index_.find(key); found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      entries_.front().used_ns = now_ns;
      return entries_.front().value;
    }
    if (entries_.size() == most_) {
      ++forgotten_;
      drop_oldest();
    }
    entries_.push_front({key, now_ns, {}});
    index_.emplace(key, entries_.begin());
    return entries_.front().value;
  }
  Value* find(const Key& key) {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &found->second->value;
  }
  // Forgets the entries that were not used since then; calls `gone` with each.
  template <class Gone>
  void forget_before(std::uint64_t before_ns, Gone gone) {
    while (!entries_.empty() && entries_.back().used_ns < before_ns) {
      gone(entries_.back().value);
      drop_oldest();
    }
  }
  void forget_before(std::uint64_t before_ns) {
    forget_before(before_ns, [](const Value&) {});
  }

  template <class Visit>
  void each(Visit visit) {
    for (Entry& entry : entries_) visit(entry.value);
  }
  std::size_t size() const noexcept { return entries_.size(); }
  std::uint64_t forgotten() const noexcept { return forgotten_; }
  // Bytes of an entry including list and hash table, but without memory that Value owns.
  static constexpr std::size_t kEntryBytes = sizeof(Value) + 2 * sizeof(Key) + 120;

 private:
  struct Entry {
    Key key;
    std::uint64_t used_ns;
    Value value;
  };
  void drop_oldest() {
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }

  std::size_t most_;
  std::uint64_t forgotten_ = 0;
  std::list<Entry> entries_;  // last used first
  std::unordered_map<Key, typename std::list<Entry>::iterator, Key::Hash> index_;
};

inline constexpr std::uint64_t kSecond = 1'000'000'000;
inline std::uint64_t to_ns(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1e9);
}
inline std::uint64_t before(std::uint64_t now_ns, std::uint64_t span_ns) {
  return now_ns > span_ns ? now_ns - span_ns : 0;
}

}  // namespace sockscope::detectors
