// SPDX-License-Identifier: Apache-2.0
#include "track/names.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "model/address.h"
#include "track/dns_queries.h"

namespace sockscope {

std::size_t RemoteNames::Hash::operator()(const Address& address) const noexcept {
  const std::string_view bytes(reinterpret_cast<const char*>(address.bytes.data()),
                               address.bytes.size());
  return std::hash<std::string_view>{}(bytes) ^ address.family;
}

void RemoteNames::make_room() {
  if (young_.size() >= kMostAddresses / 2) old_ = std::exchange(young_, {});
}

// Marks the address as used, so that it is forgotten later than others.
std::vector<RemoteNames::Learnt>* RemoteNames::look_up(const Address& address) {
  if (const auto found = young_.find(address); found != young_.end()) return &found->second;
  auto known = old_.extract(address);
  if (known.empty()) return nullptr;
  make_room();
  return &young_.insert(std::move(known)).position->second;
}

void RemoteNames::remember(const Address& address, Learnt learnt) {
  std::vector<Learnt>* names = look_up(address);
  if (!names) {
    make_room();
    names = &young_[address];
  }
  // Newest last. A name that is asked for again keeps its place in the process's history.
  const auto before = std::find_if(names->rbegin(), names->rend(), [&](const Learnt& known) {
    return known.name->pid == learnt.name->pid && known.process_start_ns == learnt.process_start_ns;
  });
  if (before != names->rend() && before->name->name == learnt.name->name) {
    before->name = std::move(learnt.name);
    return;
  }
  if (names->size() == kMostNames) names->erase(names->begin());
  names->push_back(std::move(learnt));
}

void RemoteNames::learn(const Event& answer) {
  const DnsMessage& dns = *std::get<event::Dns>(answer.what).message;
  if (dns.rcode != dns::kNoError || dns.name.empty()) return;
  const std::string asked = dns_lower(dns.name);
  std::string owner = asked;
  std::uint32_t ttl_s = ~0u;
  // The records of a chain may come in any order; each turn follows at least one alias or ends.
  for (std::size_t turn = 0; turn < dns.answers.size(); ++turn) {
    const auto alias =
        std::find_if(dns.answers.begin(), dns.answers.end(), [&](const DnsAnswer& record) {
          return record.type == dns::kCname && dns_lower(record.name) == owner;
        });
    if (alias == dns.answers.end()) break;
    owner = dns_lower(alias->target);
    ttl_s = std::min(ttl_s, alias->ttl_s);
  }
  for (const DnsAnswer& record : dns.answers) {
    if (record.address.family == 0 || dns_lower(record.name) != owner) continue;
    auto name = std::make_shared<RemoteName>();
    name->name = asked;
    name->learnt_ns = answer.mono_ns;
    name->ttl_s = std::min(ttl_s, record.ttl_s);
    name->server = answer.flow.remote;
    name->pid = answer.flow.owner.pid;
    name->comm = answer.flow.owner.comm;
    remember(record.address, {.first_ns = answer.mono_ns,
                              .process_start_ns = answer.flow.owner.start_ns,
                              .netns = answer.flow.netns,
                              .name = std::move(name)});
  }
}

std::shared_ptr<const RemoteName> RemoteNames::find(const Flow& flow) {
  if (flow.direction == Direction::kInbound || flow.direction == Direction::kListen) return nullptr;
  if (flow.remote.addr.is_unspecified()) return nullptr;
  const std::vector<Learnt>* names = look_up(without_zone(flow.remote.addr));
  if (!names) return nullptr;
  const std::uint64_t until =
      flow.protocol == Protocol::kUdp || flow.opened_ns == 0 ? ~std::uint64_t{0} : flow.opened_ns;
  const Learnt* of_namespace = nullptr;
  const Learnt* of_host = nullptr;
  for (auto known = names->rbegin(); known != names->rend(); ++known) {
    if (known->first_ns > until) continue;
    const bool is_own = flow.owner.pid != 0 && known->name->pid == flow.owner.pid &&
                        known->process_start_ns == flow.owner.start_ns;
    if (is_own) {
      auto own = std::make_shared<RemoteName>(*known->name);
      own->source = NameSource::kProcess;
      return own;
    }
    if (flow.remote.addr.is_loopback()) continue;  // every process may use loopback, under any name
    if (!of_namespace && known->netns == flow.netns) of_namespace = &*known;
    if (!of_host && flow.remote.addr.is_global()) of_host = &*known;
  }
  const Learnt* shared = of_namespace ? of_namespace : of_host;
  return shared ? shared->name : nullptr;
}

}  // namespace sockscope
