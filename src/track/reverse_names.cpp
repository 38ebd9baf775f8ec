// SPDX-License-Identifier: Apache-2.0
#include "track/reverse_names.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "track/dns_queries.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// The PTR record of the name that was asked for, following aliases (RFC 2317). Null: there is none.
const DnsAnswer* find_ptr(const DnsMessage& answer, const std::string& asked) {
  std::string owner = asked;
  for (std::size_t turn = 0; turn <= answer.answers.size(); ++turn) {
    const DnsAnswer* alias = nullptr;
    for (const DnsAnswer& record : answer.answers) {
      if (dns_lower(record.name) != owner) continue;
      if (record.type == dns::kPtr && record.target != ".") return &record;
      if (record.type == dns::kCname) alias = &record;
    }
    if (!alias) break;
    owner = dns_lower(alias->target);
  }
  return nullptr;
}

}  // namespace

std::string reverse_name(const Address& address) {
  std::string name;
  if (address.family == 4) {
    for (std::size_t i = 4; i-- > 0;) name += std::to_string(address.bytes[i]) + '.';
    return name + "in-addr.arpa";
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = address.bytes.size(); i-- > 0;)
    for (const unsigned half : {address.bytes[i] & 0xfu, address.bytes[i] >> 4 & 0xfu}) {
      name += kDigits[half];
      name += '.';
    }
  return name + "ip6.arpa";
}

std::size_t ReverseNames::Hash::operator()(const Address& address) const noexcept {
  const std::string_view bytes(reinterpret_cast<const char*>(address.bytes.data()),
                               address.bytes.size());
  return std::hash<std::string_view>{}(bytes) ^ address.family;
}

// Marks the address as used, so that it is forgotten later than others.
ReverseNames::Entry& ReverseNames::entry_of(const Address& address) {
  if (const auto found = young_.find(address); found != young_.end()) return found->second;
  auto known = old_.extract(address);
  if (young_.size() >= kMostAddresses / 2) old_ = std::exchange(young_, {});
  if (known.empty()) return young_[address];
  return young_.insert(std::move(known)).position->second;
}

std::shared_ptr<const RemoteName> ReverseNames::find(const Address& address, std::uint64_t now_ns) {
  Entry& entry = entry_of(address);
  if (now_ns >= entry.until_ns && !entry.is_asked && waiting_.size() < kMostWaiting) {
    entry.is_asked = true;
    waiting_.push_back({.id = 0, .address = address, .attempt = 0});
  }
  return entry.name;
}

std::optional<ReverseNames::Question> ReverseNames::next(std::uint16_t id, std::uint64_t now_ns) {
  if (waiting_.empty() || under_way_.size() >= kMostAtOnce) return std::nullopt;
  while (under_way_.contains(id)) ++id;
  Question question = waiting_.front();
  waiting_.pop_front();
  question.id = id;
  under_way_[id] = {question, now_ns};
  return question;
}

void ReverseNames::again(const Question& question, std::uint64_t now_ns) {
  if (question.attempt + 1 < kAttempts) {
    waiting_.push_front({.id = 0, .address = question.address, .attempt = question.attempt + 1});
    return;
  }
  Entry& entry = entry_of(question.address);
  entry.is_asked = false;
  entry.until_ns = now_ns + kNothingNs;
}

void ReverseNames::take(const DnsMessage& answer, const Endpoint& server, std::uint64_t now_ns) {
  const auto found = under_way_.find(answer.id);
  if (!answer.is_answer || answer.type != dns::kPtr || found == under_way_.end()) return;
  const Question question = found->second.question;
  const std::string asked = reverse_name(question.address);
  if (dns_lower(answer.name) != asked) return;
  under_way_.erase(found);
  if (answer.rcode != dns::kNoError && answer.rcode != dns::kNxDomain)
    return again(question, now_ns);
  Entry& entry = entry_of(question.address);
  entry.is_asked = false;
  const DnsAnswer* ptr = answer.rcode == dns::kNoError ? find_ptr(answer, asked) : nullptr;
  if (!ptr) {
    entry.name = nullptr;
    entry.until_ns = now_ns + kNothingNs;
    return;
  }
  auto name = std::make_shared<RemoteName>();
  name->name = dns_lower(ptr->target);
  name->source = NameSource::kReverse;
  name->learnt_ns = now_ns;
  name->ttl_s = ptr->ttl_s;
  name->server = server;
  entry.name = std::move(name);
  entry.until_ns = now_ns + std::clamp(ptr->ttl_s * kSecond, kLeastNs, kMostNs);
}

void ReverseNames::expire(std::uint64_t now_ns) {
  for (auto at = under_way_.begin(); at != under_way_.end();) {
    if (now_ns < at->second.sent_ns + kPatienceNs) {
      ++at;
      continue;
    }
    const Question question = at->second.question;
    at = under_way_.erase(at);
    again(question, now_ns);
  }
}

std::uint64_t ReverseNames::deadline_ns() const noexcept {
  std::uint64_t first = 0;
  for (const auto& [id, sent] : under_way_)
    if (first == 0 || sent.sent_ns + kPatienceNs < first) first = sent.sent_ns + kPatienceNs;
  return first;
}

}  // namespace sockscope
