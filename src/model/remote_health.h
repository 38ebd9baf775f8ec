// SPDX-License-Identifier: Apache-2.0
// How remote ends answer the processes of this host, learnt from the events of a Monitor. Nothing
// is sent for this. Pure; its clock is the events'.
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

// A name server, during the last RemoteHealth::kWindow.
struct NameServerHealth {
  std::string server;          // its address
  std::uint32_t answered = 0;  // queries with an answer, which may be an error
  std::uint32_t refused =
      0;  // how many of them had an error that is not about the name: SERVFAIL, REFUSED, …
  std::uint32_t unanswered = 0;
  // Over the answers whose query was seen; empty: there are none.
  std::optional<std::uint64_t> median_us;
};

// Something that fails repeatedly: connection attempts to an address, or queries for a name.
struct RepeatedFailure {
  std::uint32_t times = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::string why;  // of the latest one: "ECONNREFUSED", "NXDOMAIN", "no answer"; empty: not known
  Owner owner;      // of the latest one
  Address address;  // for connection attempts
};

class RemoteHealth {
 public:
  static constexpr std::uint64_t kWindow = 60'000'000'000;
  static constexpr std::uint64_t kKept = 600'000'000'000;  // how long failures are kept after the
                                                           // latest one
  // Beyond these limits, what was used least recently is dropped.
  static constexpr std::size_t kMostServers = 32;
  static constexpr std::size_t kMostAnswers = 1024;  // for each server
  static constexpr std::size_t kMostFailures = 512;  // for addresses, and for names

  void take(const Event& event);  // accepts events of any kind

  // As of now_ns. The server that was asked most comes first.
  std::vector<NameServerHealth> name_servers(std::uint64_t now_ns) const;
  // Keyed by the address as text.
  const std::map<std::string, RepeatedFailure>& failed_addresses() const { return addresses_; }
  // Keyed by the name that was asked for, which may have any bytes.
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
