// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>

#include "base/text.h"
#include "track/detectors/rules.h"

namespace sockscope::detectors {
namespace {

constexpr std::uint64_t kMinuteNs = 60 * kSecond;
constexpr std::uint64_t kForwardingNs = 5 * kSecond;  // the longest a resolver takes to ask
                                                      // elsewhere

std::uint32_t hash_name(std::string_view name) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>()(name));
}

std::uint64_t hash_domain(std::string_view domain) {
  return std::hash<std::string_view>()(domain.substr(0, DnsTunnel::kMostDomainBytes));
}

// A name split into the domain, whose owner answers for it, and what is below. Empty: the name is
// not below any domain.
struct Parts {
  std::string_view below;
  std::string_view domain;
};
Parts split(std::string_view name) {
  const std::string_view domain = parent_domain(name);
  if (domain.empty() || domain.size() == name.size()) return {};
  return {name.substr(0, name.size() - domain.size() - 1), domain};
}

// "4.3.2.1.zen", or for IPv6 one label for each of its 32 digits: mail servers constantly ask lists
// of addresses in this form.
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

// Domains of content networks and clouds whose hosts have numbers in their names and are asked for
// by the hundred. A tunnel needs a name server below the domain, and none of these lets its
// customers have one. Names that are connected to are excluded anyway (note_use), but connections
// over QUIC are not seen.
constexpr std::string_view kNumberedHosts[] = {"1e100.net",
                                               "aaplimg.com",
                                               "akadns.net",
                                               "akam.net",
                                               "akamai.net",
                                               "akamaiedge.net",
                                               "akamaihd.net",
                                               "akamaized.net",
                                               "amazonaws.com",
                                               "apple.com",
                                               "azureedge.net",
                                               "b-cdn.net",
                                               "cdn77.org",
                                               "cdninstagram.com",
                                               "cloudapp.net",
                                               "cloudflare.net",
                                               "cloudfront.net",
                                               "doubleclick.net",
                                               "edgecastcdn.net",
                                               "edgekey.net",
                                               "edgesuite.net",
                                               "facebook.com",
                                               "fastly.net",
                                               "fbcdn.net",
                                               "footprint.net",
                                               "googleapis.com",
                                               "googlesyndication.com",
                                               "googleusercontent.com",
                                               "googlevideo.com",
                                               "gstatic.com",
                                               "gvt1.com",
                                               "hwcdn.net",
                                               "icloud.com",
                                               "llnwd.net",
                                               "microsoft.com",
                                               "msedge.net",
                                               "nflxso.net",
                                               "nflxvideo.net",
                                               "office.net",
                                               "office365.com",
                                               "spotifycdn.com",
                                               "steamcontent.com",
                                               "tiktokcdn.com",
                                               "trafficmanager.net",
                                               "twimg.com",
                                               "whatsapp.net",
                                               "windows.net",
                                               "ytimg.com"};

// Top-level domains that occur in the queries of lists of domains and of search lists: all with two
// letters, and the frequent ones.
constexpr std::string_view kCountries =
    " ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo "
    "br bs bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm "
    "do dz ec ee eg er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs "
    "gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km "
    "kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp "
    "mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk "
    "pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss "
    "st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va "
    "vc ve vg vi vn vu wf ws ye yt za zm zw ";
constexpr std::string_view kOthers =
    " app biz cloud club com dev edu gov info int jobs live mil mobi name net online org pro "
    "shop site store tech top xyz ";

// A space precedes and follows each word. A label from the network may contain spaces.
bool is_one_of(std::string_view words, std::string_view word) {
  if (word.empty() || word.find(' ') != word.npos) return false;
  for (std::size_t at = words.find(word); at != words.npos; at = words.find(word, at + 1))
    if (words[at - 1] == ' ' && words[at + word.size()] == ' ') return true;
  return false;
}

// "www.example.org" or "www.example.org.corp": mail servers ask lists of domains in this form, and
// search lists make such names. A tunnel's data looks different: its labels are long.
bool is_of_domain(std::string_view labels) {
  constexpr std::size_t kLongest = 25;
  constexpr std::size_t kMost = 64;
  if (labels.size() > kMost) return false;
  for (std::size_t begin = 0; begin <= labels.size();) {
    const std::size_t end = std::min(labels.find('.', begin), labels.size());
    const std::string_view label = labels.substr(begin, end - begin);
    if (label.empty() || label.size() > kLongest) return false;
    if (begin != 0 && is_one_of(label.size() == 2 ? kCountries : kOthers, label)) return true;
    begin = end + 1;
  }
  return false;
}

std::string key_of(std::string_view domain) {
  return "dns_tunnel/" + clean_text(domain);
}

bool is_below(std::string_view name, std::string_view domain) {
  return name == domain || (name.size() > domain.size() && name.ends_with(domain) &&
                            name[name.size() - domain.size() - 1] == '.');
}

// Calls visit with (the hash of) each name, of two labels or more, to which a search list may have
// added a domain to make this name.
template <class Visit>
void each_unexpanded(std::string_view name, Visit visit) {
  constexpr int kMostLabels = 6;  // that a search list adds
  for (int label = 0; label < kMostLabels; ++label) {
    const auto dot = name.rfind('.');
    if (dot == name.npos) return;
    name = name.substr(0, dot);
    if (name.find('.') == name.npos) return;
    if (label != 0) visit(hash_name(name));  // an added domain has two labels or more
  }
}

}  // namespace

void DnsTunnel::note(RecentlyAsked& names, std::uint32_t name, std::uint64_t now_ns) {
  names[name % names.size()] = {name, now_ns};
}
bool DnsTunnel::is_in(const RecentlyAsked& names, std::uint32_t name, std::uint64_t now_ns) {
  const Asked& asked = names[name % names.size()];
  return asked.name == name && now_ns < asked.at_ns + kForwardingNs;
}

// A name turns out to be made by a search list when the original name is asked too, before or after
// it. This handles the second case: it uncounts the names made of `name`.
void DnsTunnel::forgive_expansions_of(std::uint32_t name, std::uint64_t now_ns) {
  for (std::size_t slot = 0; slot < kProbes; ++slot) {
    const Expansion& made = expansions_[(name + slot) % expansions_.size()];
    if (made.name != name || now_ns >= made.at_ns + kForwardingNs) continue;
    if (Domain* domain = domains_.find(Key().add(made.domain))) domain->forgive(made.below);
  }
}

bool DnsTunnel::is_expansion(std::string_view name, std::uint64_t now_ns) const {
  bool was_asked = false;
  each_unexpanded(name, [&](std::uint32_t unexpanded) {
    was_asked |= is_in(asked_whole_, unexpanded, now_ns);
  });
  return was_asked;
}

void DnsTunnel::note_expansion(std::string_view name, const Expansion& made) {
  each_unexpanded(name, [&](std::uint32_t unexpanded) {
    Expansion* oldest = &expansions_[unexpanded % expansions_.size()];
    for (std::size_t slot = 1; slot < kProbes; ++slot) {
      Expansion& other = expansions_[(unexpanded + slot) % expansions_.size()];
      if (other.at_ns < oldest->at_ns) oldest = &other;
    }
    *oldest = made;
    oldest->name = unexpanded;
  });
}

// A program that connects to the address of a name asked in order to get that address, not to send
// data in the name.
void DnsTunnel::note_use(const Event& event) {
  const RemoteName* const asked = asked_name(event.flow);
  if (event.kind() != EventKind::kConnect || asked == nullptr) return;
  const Parts name = split(asked->name);
  if (name.below.empty()) return;
  if (Domain* const domain = domains_.find(Key().add(hash_domain(name.domain))))
    domain->forgive(hash_name(name.below));
}

void DnsTunnel::take(const Event& event, const Bench& bench) {
  const DnsMessage& message = *std::get<event::Dns>(event.what).message;
  if (message.is_answer || message.is_unanswered) return;
  constexpr std::size_t kLongestName = 1024;
  // Resolvers deliberately mix upper and lower case (0x20), each time differently, so one name is
  // asked in many forms.
  std::string name = message.name.substr(0, kLongestName);
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  const std::uint64_t now = event.mono_ns;
  const bool is_question = event.flow.remote.port == dns::kPort;
  if (is_question) {
    const std::uint32_t whole = hash_name(name);
    note(asked_whole_, whole, now);
    forgive_expansions_of(whole, now);
  }
  const auto [below, parent] = split(name);
  if (below.empty()) return;
  const AlertOptions& options = bench.options;
  if (is_of_address(below) || is_of_domain(below)) return;
  if (std::find(std::begin(kNumberedHosts), std::end(kNumberedHosts), parent) !=
      std::end(kNumberedHosts))
    return;
  if (std::any_of(options.allowed_domains.begin(), options.allowed_domains.end(),
                  [&](const std::string& domain) { return is_below(name, domain); }))
    return;

  const std::uint32_t hash = hash_name(below);
  const bool is_own =
      event.flow.remote.addr.is_loopback() || event.flow.remote.addr == event.flow.local.addr;
  if (!is_question) {
    if (is_own) note(asked_here_, hash, now);
    return;
  }
  if (is_expansion(name, now) || (!is_own && is_in(asked_here_, hash, now))) return;

  const std::uint64_t domain_hash = hash_domain(parent);
  note_expansion(name, {0, hash, domain_hash, now});
  Domain& domain = domains_.use(Key().add(domain_hash), now);
  const std::uint64_t second = now / kSecond;
  for (std::uint64_t s = domain.second + 1; s <= second && s <= domain.second + 60; ++s)
    domain.queries[s % 60] = 0;
  if (second > domain.second + 60) domain.queries.fill(0);
  domain.second = std::max(domain.second, second);
  if (domain.queries[second % 60]++ == 0)
    domain.first_after_ns[second % 60] = static_cast<std::uint32_t>(now % kSecond);

  const auto most_names = static_cast<std::size_t>(options.dns_names) + 1;
  domain.names.add(hash, now, kMinuteNs, most_names);
  const std::size_t names = domain.names.size();
  std::size_t long_names = 0;
  if (static_cast<double>(name.size()) > options.dns_length) {
    domain.long_names.add(hash, now, kMinuteNs, static_cast<std::size_t>(options.dns_long_names));
    long_names = domain.long_names.size();
  }
  const double queries = std::accumulate(domain.queries.begin(), domain.queries.end(), 0.0);
  const bool is_many =
      queries > options.dns_queries && static_cast<double>(names) > options.dns_names;
  const bool is_long = long_names != 0 && static_cast<double>(long_names) >= options.dns_long_names;
  if (!is_many && !is_long) return;
  domain.first_ns = is_many ? domain.first_query_ns() : domain.long_names.first_ns();
  domain.last_ns = now;
  domain.per_minute = queries;
  domain.different = names;
  domain.name_bytes = message.name.size();
  domain.owner = event.flow.owner;
  domain.peer = event.flow.remote;
  domain.name = parent.substr(0, kMostDomainBytes);
  domain.has_news = true;
  // A new alert is told at once, what comes after it once a second.
  if (domain.told_ns != 0 && now < domain.told_ns + kSecond) return;
  if (!bench.book.is_active(key_of(domain.name))) tell(domain, bench);
}

void DnsTunnel::tell(Domain& domain, const Bench& bench) {
  domain.has_news = false;
  domain.told_ns = domain.last_ns;
  Sighting sighting;
  sighting.kind = AlertKind::kDnsTunnel;
  sighting.severity = AlertSeverity::kCritical;
  sighting.key = key_of(domain.name);
  sighting.first_ns = domain.first_ns;
  sighting.last_ns = domain.last_ns;
  sighting.owner = domain.owner;
  sighting.peer = domain.peer;
  sighting.name = domain.name;
  sighting.figures = {{"queries_per_minute", domain.per_minute},
                      {"names", static_cast<double>(domain.different)},
                      {"name_bytes", static_cast<double>(domain.name_bytes)}};
  bench.book.see(std::move(sighting), bench.handler);
}

// Within the last minute.
std::uint64_t DnsTunnel::Domain::first_query_ns() const noexcept {
  for (std::uint64_t each = before(second, 59); each < second; ++each)
    if (queries[each % 60] != 0) return each * kSecond + first_after_ns[each % 60];
  return second * kSecond + first_after_ns[second % 60];
}

void DnsTunnel::tick(std::uint64_t now_ns, const Bench& bench) {
  domains_.each([&](Domain& domain) {
    if (domain.has_news) tell(domain, bench);
  });
  domains_.forget_before(before(now_ns, kMinuteNs));
}

}  // namespace sockscope::detectors
