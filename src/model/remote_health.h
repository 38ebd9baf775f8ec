// SPDX-License-Identifier: Apache-2.0
// How remote ends answer what processes of this host ask of them, by the events of a Monitor.
// Nothing is sent for it. Pure; its clock is that of the events.
#pragma once

#include <sockscope/event.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sockscope {

// A name server, over the last RemoteHealth::kWindow.
struct NameServerHealth {
  std::string server;          // its address
  std::uint32_t answered = 0;  // queries, one that was answered with an error too
  std::uint32_t refused =
      0;  // of them with an error that is not about the name: SERVFAIL, REFUSED, …
  std::uint32_t unanswered = 0;
  // Of the answers whose query was seen; empty: of none.
  std::optional<std::uint64_t> median_us;
};

// What failed again and again: attempts to connect to an address, or queries for a name.
struct RepeatedFailure {
  std::uint32_t times = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::string why;  // of the last one: "ECONNREFUSED", "NXDOMAIN", "no answer"; empty: not known
  Owner owner;      // of the last one
  Address address;  // of attempts to connect
};

class RemoteHealth {
 public:
  static constexpr std::uint64_t kWindow = 60'000'000'000;
  static constexpr std::uint64_t kKept = 600'000'000'000;  // failures, after the last one
  // Beyond these the ones that were heard of least lately give way.
  static constexpr std::size_t kMostServers = 32;
  static constexpr std::size_t kMostAnswers = 1024;  // of each server
  static constexpr std::size_t kMostFailures = 512;  // of addresses, and of names

  void take(const Event& event);  // of any kind

  // As of now_ns. The server that was asked most comes first.
  std::vector<NameServerHealth> name_servers(std::uint64_t now_ns) const;
  // By the address as text.
  const std::map<std::string, RepeatedFailure>& failed_addresses() const { return addresses_; }
  // By the name that was asked for: any bytes.
  const std::map<std::string, RepeatedFailure>& failed_names() const { return names_; }

 private:
  struct Answer {
    std::uint64_t mono_ns = 0;
    std::optional<std::uint64_t> latency_us;
    bool is_refusal = false;
    bool is_missing = false;
  };
  void take_dns(const Event& event, const event::Dns& passed);

  std::map<std::string, std::deque<Answer>> servers_;  // by address
  std::map<std::string, RepeatedFailure> addresses_;
  std::map<std::string, RepeatedFailure> names_;
};

}  // namespace sockscope
