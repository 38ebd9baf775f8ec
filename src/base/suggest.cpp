// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.h"

#include <algorithm>
#include <vector>

#include "base/ascii.h"

namespace sockscope {
namespace {

// Damerau-Levenshtein, restricted: no letter is moved twice.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string typed = ascii_lower(word);
  // Whoever typed the beginning of a name knows it.
  if (typed.size() >= 3)
    for (const std::string_view candidate : candidates)
      if (ascii_lower(candidate).starts_with(typed)) return std::string(candidate);
  const std::size_t allowed = std::max<std::size_t>(1, typed.size() / 3);
  std::string_view best;
  std::size_t best_distance = allowed + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > typed.size() + allowed || typed.size() > candidate.size() + allowed) {
      continue;
    }
    const std::size_t d = distance(typed, ascii_lower(candidate));
    // If every letter must be replaced, it is another word.
    if (d < best_distance && d < candidate.size()) {
      best = candidate;
      best_distance = d;
    }
  }
  return std::string(best);
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string meant = nearest(word, candidates);
  return meant.empty() ? std::string() : ": did you mean '" + meant + "'?";
}

std::string comma_list(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

}  // namespace sockscope
