// SPDX-License-Identifier: Apache-2.0
#include "view/filter_event_terms.h"

#include <fmt/format.h>
#include <sockscope/dns.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/suggest.h"

namespace sockscope {
namespace {

using Result = tl::expected<EventTest, std::string>;

constexpr std::array<std::string_view, 2> kKeys = {"event", "rcode"};

// The values of the words in "a,b,c"; a word that is not known is the error.
template <class Value>
tl::expected<std::set<Value>, std::string> values_of(
    std::string_view words, const std::vector<std::pair<std::string, Value>>& known) {
  std::set<Value> values;
  for (bool more = true; more;) {
    const std::size_t comma = words.find(',');
    const std::string word = ascii_lower(words.substr(0, comma));
    const auto found = std::ranges::find(known, word, &std::pair<std::string, Value>::first);
    if (found == known.end()) {
      std::vector<std::string_view> names;
      for (const auto& [name, value] : known) names.push_back(name);
      return tl::make_unexpected(
          fmt::format("'{}' is none of {}{}", word, comma_list(names), did_you_mean(word, names)));
    }
    values.insert(found->second);
    more = comma != words.npos;
    if (more) words.remove_prefix(comma + 1);
  }
  return values;
}

// By the names under which events are shown; "process" stands for all events of processes.
Result event_test(const FilterValue& value) {
  using Kinds = std::pair<EventKind, ProcessEventKind>;  // kUnknown: any of them
  static const auto kNames = [] {
    std::vector<std::pair<std::string, Kinds>> names;
    for (std::size_t i = 0; i < std::variant_size_v<Event::What>; ++i) {
      const auto kind = static_cast<EventKind>(i);
      if (kind == EventKind::kOwner || kind == EventKind::kGap) continue;  // shown never, or always
      names.emplace_back(to_string(kind), Kinds{kind, ProcessEventKind::kUnknown});
    }
    for (auto i = static_cast<unsigned>(ProcessEventKind::kFork);
         i <= static_cast<unsigned>(ProcessEventKind::kExit); ++i) {
      const auto kind = static_cast<ProcessEventKind>(i);
      names.emplace_back(to_string(kind), Kinds{EventKind::kProcess, kind});
    }
    return names;
  }();
  const auto wanted = values_of(value.text, kNames);
  if (!wanted) return tl::make_unexpected(wanted.error());
  EventTest test;
  for (const auto& [kind, of_process] : *wanted) test.kinds.insert(kind);
  test.test = [wanted = *wanted](const Event& event) {
    const auto* const happened = std::get_if<ProcessEvent>(&event.what);
    return wanted.contains({event.kind(), ProcessEventKind::kUnknown}) ||
           (happened && wanted.contains({event.kind(), happened->kind}));
  };
  return test;
}

constexpr std::uint32_t kUnanswered = 1u << 16;  // not a code: codes have 16 bits

Result rcode_test(const FilterValue& value) {
  static const auto kNames = [] {
    std::vector<std::pair<std::string, std::uint32_t>> names;
    // All codes that have a name in IANA's list are among the first ones.
    for (std::uint16_t code = 0; code < 32; ++code) {
      const std::string name = ascii_lower(dns::rcode_name(code));
      if (!name.starts_with("rcode")) names.emplace_back(name, code);
    }
    names.emplace_back("unanswered", kUnanswered);
    return names;
  }();
  const auto wanted = values_of(value.text, kNames);
  if (!wanted) return tl::make_unexpected(wanted.error());
  return EventTest{[wanted = *wanted](const Event& event) {
                     const auto* const dns = std::get_if<event::Dns>(&event.what);
                     if (dns == nullptr) return false;
                     const DnsMessage& message = *dns->message;
                     return message.is_unanswered
                                ? wanted.contains(kUnanswered)
                                : message.is_answer && wanted.contains(message.rcode);
                   },
                   {EventKind::kDns}};
}

}  // namespace

std::span<const std::string_view> event_filter_keys() {
  return kKeys;
}

bool is_event_filter_key(std::string_view key) {
  return std::ranges::find(kKeys, ascii_lower(key)) != kKeys.end();
}

Result event_key_test(std::string_view name, const FilterValue& value) {
  const std::string key = ascii_lower(name);
  if (value.regex) return tl::make_unexpected(key + " takes no regular expression");
  if (value.op != FilterOp::kColon && value.op != FilterOp::kEqual)
    return tl::make_unexpected(key + " is not a number");
  return key == "event" ? event_test(value) : rcode_test(value);
}

}  // namespace sockscope
