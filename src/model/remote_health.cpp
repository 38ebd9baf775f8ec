// SPDX-License-Identifier: Apache-2.0
#include "model/remote_health.h"

#include <algorithm>

#include "base/text.h"

namespace sockscope {
namespace {

void note(std::map<std::string, RepeatedFailure>& failures, const std::string& key,
          const Event& event, std::string why) {
  if (failures.size() >= RemoteHealth::kMostFailures && !failures.contains(key)) {
    const std::uint64_t now = event.mono_ns;
    std::erase_if(failures, [now](const auto& failure) {
      return failure.second.last_ns + RemoteHealth::kKept < now;
    });
    if (failures.size() >= RemoteHealth::kMostFailures)
      failures.erase(std::min_element(failures.begin(), failures.end(), [](auto& a, auto& b) {
        return a.second.last_ns < b.second.last_ns;
      }));
  }
  RepeatedFailure& failure = failures[key];
  if (failure.times == 0 || failure.last_ns + RemoteHealth::kKept < event.mono_ns)
    failure = {.first_ns = event.mono_ns};
  ++failure.times;
  failure.last_ns = event.mono_ns;
  failure.why = std::move(why);
  failure.owner = event.flow.owner;
  failure.address = event.flow.remote.addr;
}

}  // namespace

void RemoteHealth::take(const Event& event) {
  if (const auto* const passed = std::get_if<event::Dns>(&event.what))
    take_dns(event, *passed);
  else if (const auto* const failed = std::get_if<event::ConnectFailed>(&event.what))
    note(addresses_, to_string(event.flow.remote.addr), event,
         std::string(errno_name(failed->error)));
}

// Only queries sent and answers received count. What a server on this host is asked is reported a
// second time, by that server's socket.
void RemoteHealth::take_dns(const Event& event, const event::Dns& passed) {
  const DnsMessage& message = *passed.message;
  const bool is_ours = event.flow.remote.port == dns::kPort && message.is_answer != passed.sent;
  if (!is_ours || !(message.is_answer || message.is_unanswered)) return;
  const bool is_about_name =
      message.rcode == dns::kNoError || message.rcode == dns::kNxDomain || message.is_unanswered;
  const std::string server = to_string(event.flow.remote.addr);
  if (servers_.size() >= kMostServers && !servers_.contains(server))
    servers_.erase(std::min_element(servers_.begin(), servers_.end(), [](auto& a, auto& b) {
      return a.second.back().mono_ns < b.second.back().mono_ns;
    }));
  std::deque<Answer>& answers = servers_[server];
  if (answers.size() == kMostAnswers) answers.pop_front();
  answers.push_back({event.mono_ns, message.latency_us, !is_about_name, message.is_unanswered});
  while (answers.front().mono_ns + kWindow < event.mono_ns) answers.pop_front();
  if (message.is_unanswered)
    note(names_, message.name, event, "no answer");
  else if (message.rcode != dns::kNoError)
    note(names_, message.name, event, dns::rcode_name(message.rcode));
}

std::vector<NameServerHealth> RemoteHealth::name_servers(std::uint64_t now_ns) const {
  std::vector<NameServerHealth> all;
  for (const auto& [server, answers] : servers_) {
    NameServerHealth health{.server = server};
    std::vector<std::uint64_t> latencies;
    for (const Answer& answer : answers) {
      if (answer.mono_ns + kWindow < now_ns) continue;
      ++(answer.is_missing ? health.unanswered : health.answered);
      if (answer.is_refusal) ++health.refused;
      if (answer.latency_us) latencies.push_back(*answer.latency_us);
    }
    if (health.answered + health.unanswered == 0) continue;
    if (!latencies.empty()) {
      const auto middle = latencies.begin() + static_cast<std::ptrdiff_t>(latencies.size() / 2);
      std::nth_element(latencies.begin(), middle, latencies.end());
      health.median_us = *middle;
    }
    all.push_back(health);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const NameServerHealth& a, const NameServerHealth& b) {
                     return a.answered + a.unanswered > b.answered + b.unanswered;
                   });
  return all;
}

}  // namespace sockscope
