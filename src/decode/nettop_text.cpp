// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "decode/capture_support.h"
#include "decode/captures.h"
#include "decode/endpoint_text.h"
#include "decode/text_scan.h"

namespace sockscope {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_timestamp(std::string_view word) {
  return word.size() >= 8 && is_digit(word[0]) && is_digit(word[1]) && word[2] == ':';
}

// "Google Chrome He.589   8208255   5803656 …": the name ends with the last word that contains
// ".PID".
bool parse_process(std::string_view line, Owner& owner) {
  std::string_view rest = line;
  owner = {};
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    const std::size_t dot = word.rfind('.');
    if (dot == std::string_view::npos || dot == 0) continue;
    if (word.find_first_not_of("0123456789.") == std::string_view::npos) continue;
    const auto pid = to_number<std::uint32_t>(word.substr(dot + 1));
    if (!pid) continue;
    const auto end = static_cast<std::size_t>(word.data() - line.data()) + dot;
    owner.pid = *pid;
    owner.kind = OwnerKind::kBootstrap;
    const std::size_t begin = line.find_first_not_of(" \t");
    set_comm(owner, line.substr(begin, end - begin));
  }
  return owner.pid != 0;
}

// [interface] [state] bytes_in bytes_out rx_dupe rx_ooo re-tx [rtt_avg "ms"] …
void parse_columns(std::string_view rest, Flow& flow) {
  std::uint64_t numbers[2] = {};
  std::size_t count = 0;
  std::string_view before;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    if (word == "ms") {
      const auto ms = to_decimal(before);
      if (ms && *ms < 4e6)
        flow.counters.srtt_us = static_cast<std::uint32_t>(std::lround(*ms * 1000));
      return;
    }
    const auto number = to_number<std::uint64_t>(word);
    if (number && count < 2)
      numbers[count++] = *number;
    else if (!number && count == 0 && flow.protocol == Protocol::kTcp &&
             flow.state == TcpState::kNone)
      flow.state = parse_tcp_state(word);
    if (count == 2) {
      flow.has_counters = true;
      flow.has_segments = false;
      flow.counters.rx_bytes = numbers[0];
      flow.counters.tx_bytes = numbers[1];
    }
    before = word;
  }
}

// False: the line was not understood.
bool parse_connection(std::string_view kind, std::string_view rest, Flow& flow) {
  flow.has_counters = false;
  flow.protocol = kind.starts_with("tcp") ? Protocol::kTcp : Protocol::kUdp;
  const bool is_ipv6 = kind.ends_with('6');
  const std::uint8_t family = is_ipv6 ? 6 : 4;
  const char separator = is_ipv6 ? '.' : ':';
  const std::string_view pair = take_word(rest);
  const std::size_t arrow = pair.find("<->");
  if (arrow == std::string_view::npos) return false;
  const auto local = parse_endpoint(pair.substr(0, arrow), separator, family);
  const auto remote = parse_endpoint(pair.substr(arrow + 3), separator, family);
  if (!local || !remote) return false;
  flow.local = *local;
  flow.remote = *remote;
  parse_columns(rest, flow);
  if (flow.state == TcpState::kListen) flow.direction = Direction::kListen;
  return true;
}

}  // namespace

Capture parse_nettop(std::string_view text) {
  Capture capture;
  Owner owner;
  while (!text.empty()) {
    std::string_view rest = take_line(text);
    std::string_view after = rest;
    std::string_view word = take_word(after);
    if (is_timestamp(word)) {
      rest = after;
      word = take_word(after);
    }
    if (word.empty() || word == "time") continue;
    if (word == "tcp4" || word == "tcp6" || word == "udp4" || word == "udp6") {
      Flow flow;
      flow.owner = owner;
      if (parse_connection(word, after, flow))
        capture.flows.push_back(flow);
      else
        ++capture.malformed;
    } else if (!parse_process(rest, owner)) {
      ++capture.malformed;
    }
  }
  return capture;
}

}  // namespace sockscope
