// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "track/detectors/rules.h"

namespace sockscope::detectors {

template <class T>
RecentSet<T>::Added RecentSet<T>::add(T value, std::uint64_t now_ns, std::uint64_t window_ns,
                                      std::size_t limit) {
  const std::uint64_t since = before(now_ns, window_ns);
  for (Item& item : items_) {
    if (!(item.value == value) || item.seen_ns < since) continue;
    item.seen_ns = now_ns;
    return {item.value, false};
  }
  std::erase_if(items_, [since](const Item& item) { return item.seen_ns < since; });
  if (items_.size() < std::min(limit, kMost)) {
    items_.push_back({value, now_ns, now_ns});
    return {items_.back().value, true};
  }
  Item& oldest = *std::min_element(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
    return a.seen_ns < b.seen_ns;
  });
  oldest = {value, now_ns, now_ns};
  return {oldest.value, true};
}

template <class T>
void RecentSet<T>::remove(T value) {
  std::erase_if(items_, [&value](const Item& item) { return item.value == value; });
}

template <class T>
std::uint64_t RecentSet<T>::first_ns() const noexcept {
  std::uint64_t first = UINT64_MAX;
  for (const Item& item : items_) first = std::min(first, item.first_ns);
  return first;
}

template class RecentSet<Port>;
template class RecentSet<std::uint32_t>;

std::string_view parent_domain(std::string_view name) noexcept {
  const auto last_dot = [&](std::size_t end) { return name.substr(0, end).rfind('.'); };
  const std::size_t top = last_dot(name.size());
  if (top == std::string_view::npos || top == 0) return {};
  const std::string_view ending = name.substr(top + 1);
  for (const std::string_view nowhere :
       {"arpa", "local", "internal", "lan", "localhost", "home", "localdomain", "intranet"})
    if (std::equal(ending.begin(), ending.end(), nowhere.begin(), nowhere.end(),
                   [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; }))
      return {};
  const std::size_t second = last_dot(top);
  if (second == std::string_view::npos) return name;
  const std::size_t length = top - second - 1;
  if (length > 3 || ending.size() > 2) return name.substr(second + 1);
  const std::size_t third = last_dot(second);
  return third == std::string_view::npos ? name : name.substr(third + 1);
}

}  // namespace sockscope::detectors
