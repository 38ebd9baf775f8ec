// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <string>

#include "base/text.h"
#include "track/detectors/rules.h"

namespace sockscope::detectors {
namespace {

constexpr std::uint64_t kMinuteNs = 60 * kSecond;
constexpr std::uint64_t kForwardingNs = 5 * kSecond;  // how long a resolver takes, at the most

std::uint32_t hash_name(std::string_view name) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>()(name));
}

// "4.3.2.1.zen", and of IPv6 a label for each of its 32 digits: lists of addresses are asked so, by
// mail servers without end.
bool is_of_address(std::string_view labels) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  constexpr std::size_t kDigits = 32;
  std::size_t nibbles = 0;
  while (nibbles < kDigits && labels.size() >= 2 * nibbles + 1) {
    const char c = labels[2 * nibbles];
    const bool ends = labels.size() == 2 * nibbles + 1 || labels[2 * nibbles + 1] == '.';
    if (!ends || (!is_digit(c) && (c < 'a' || c > 'f'))) break;
    ++nibbles;
  }
  if (nibbles == kDigits) return true;
  std::size_t dots = 0;
  for (const char c : labels) {
    if (c == '.' && ++dots == 4) return true;
    if (c != '.' && !is_digit(c)) return false;
  }
  return true;
}

}  // namespace

void DnsTunnel::take(const Event& event, const Bench& bench) {
  if (event.dns->is_answer || event.dns->is_unanswered) return;
  constexpr std::size_t kLongestName = 1024;
  // Resolvers mix cases on purpose (0x20), and each time anew: one name is asked in many ways.
  std::string name = event.dns->name.substr(0, kLongestName);
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  const std::string_view parent = parent_domain(name);
  if (parent.empty() || parent.size() == name.size()) return;
  const auto below = std::string_view(name).substr(0, name.size() - parent.size() - 1);
  if (is_of_address(below)) return;

  const AlertOptions& options = bench.options;
  const std::uint64_t now = event.mono_ns;
  const std::uint32_t hash = hash_name(below);
  const bool is_own =
      event.flow.remote.addr.is_loopback() || event.flow.remote.addr == event.flow.local.addr;
  Asked& asked = asked_here_[hash % asked_here_.size()];
  if (event.flow.remote.port != dns::kPort) {
    if (is_own) asked = {hash, now};
    return;
  }
  if (!is_own && asked.name == hash && now < asked.at_ns + kForwardingNs) return;

  const std::string domain_name(parent.substr(0, 255));
  Domain& domain = domains_.use(Key().add(std::hash<std::string>()(domain_name)), now);
  const std::uint64_t second = now / kSecond;
  for (std::uint64_t s = domain.second + 1; s <= second && s <= domain.second + 60; ++s)
    domain.queries[s % 60] = 0;
  if (second > domain.second + 60) domain.queries.fill(0);
  domain.second = std::max(domain.second, second);
  ++domain.queries[second % 60];

  const auto most_names = static_cast<std::size_t>(options.dns_names) + 1;
  const std::size_t names = domain.names.add(hash, now, kMinuteNs, most_names);
  std::size_t long_names = 0;
  if (static_cast<double>(name.size()) > options.dns_length)
    long_names = domain.long_names.add(hash, now, kMinuteNs,
                                       static_cast<std::size_t>(options.dns_long_names));
  const double queries = std::accumulate(domain.queries.begin(), domain.queries.end(), 0.0);
  const bool is_many =
      queries > options.dns_queries && static_cast<double>(names) > options.dns_names;
  const bool is_long = long_names != 0 && static_cast<double>(long_names) >= options.dns_long_names;
  if (!is_many && !is_long) return;
  if (domain.told_ns != 0 && now < domain.told_ns + kSecond) return;
  domain.told_ns = now;
  Sighting sighting;
  sighting.kind = AlertKind::kDnsTunnel;
  sighting.severity = AlertSeverity::kCritical;
  sighting.key = "dns_tunnel/" + clean_text(domain_name);
  sighting.first_ns = domain.names.oldest_ns(now, kMinuteNs);
  sighting.last_ns = now;
  sighting.owner = event.flow.owner;
  sighting.peer = event.flow.remote;
  sighting.name = domain_name;
  sighting.figures = {{"queries_per_minute", queries},
                      {"names", static_cast<double>(names)},
                      {"name_bytes", static_cast<double>(event.dns->name.size())}};
  bench.book.see(std::move(sighting), bench.handler);
}

void DnsTunnel::tick(std::uint64_t now_ns) {
  domains_.forget_before(before(now_ns, kMinuteNs));
}

}  // namespace sockscope::detectors
