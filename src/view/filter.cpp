// SPDX-License-Identifier: Apache-2.0
#include "view/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "view/filter_event_terms.h"
#include "view/filter_terms.h"

namespace sockscope {
namespace {

constexpr std::string_view kSpaces = " \t\n";
constexpr std::string_view kOperators = ":=<>";
constexpr std::string_view kKeyLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
constexpr std::string_view kAddressLetters = "0123456789abcdefABCDEF:.";

tl::unexpected<std::string> error(std::string why) {
  return tl::make_unexpected(std::move(why));
}

}  // namespace

class FilterParser {
 public:
  FilterParser(std::string_view text, FlowFilter::UserLookup lookup_user)
      : text_(text), lookup_user_(lookup_user) {}

  tl::expected<FlowFilter, std::string> parse() {
    FlowFilter filter;
    for (skip_spaces(); !at_end(); skip_spaces()) {
      auto& terms = filter.alternatives_.back();
      if (text_[at_] == '|') {
        if (terms.empty()) return error("there is nothing before '|'");
        ++at_;
        filter.alternatives_.emplace_back();
        continue;
      }
      const std::size_t begin = at_;
      bool negated = false;
      for (; !at_end() && text_[at_] == '!'; ++at_) negated = !negated;
      if (at_boundary()) return error("there is nothing after '!'");
      const auto key = peek_key();
      if (key && !key->empty() && !is_key(*key)) return error(unknown_key(*key));
      auto term = parse_term(key, negated, filter);
      if (!term) {
        return error(fmt::format("{}: {}", text_.substr(begin, at_ - begin), term.error()));
      }
      if (!at_boundary()) {
        return error(
            fmt::format("there must be a space after {}", text_.substr(begin, at_ - begin)));
      }
      terms.push_back(*std::move(term));
    }
    if (filter.alternatives_.size() > 1 && filter.alternatives_.back().empty()) {
      return error("there is nothing after '|'");
    }
    return filter;
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  bool at_boundary() const {
    return at_end() || text_[at_] == '|' || kSpaces.find(text_[at_]) != kSpaces.npos;
  }
  void skip_spaces() {
    while (!at_end() && kSpaces.find(text_[at_]) != kSpaces.npos) ++at_;
  }
  // The text at the cursor, up to the next space or '|'.
  std::string_view peek_word() const {
    const std::size_t end = text_.find_first_of(" \t\n|", at_);
    return text_.substr(at_, end == text_.npos ? end : end - at_);
  }

  // The letters before an operator at the cursor, perhaps none. Nothing when a text is there
  // instead.
  std::optional<std::string_view> peek_key() const {
    const std::string_view word = peek_word();
    const std::size_t op = word.find_first_of(kOperators);
    const std::string_view name = word.substr(0, op);
    if (op == word.npos || name.find_first_not_of(kKeyLetters) != name.npos) return std::nullopt;
    // "fe::1" and ":443" are parts of addresses.
    if (!is_key(name) && word.find_first_not_of(kAddressLetters) == word.npos) {
      return std::nullopt;
    }
    return name;
  }

  static bool is_key(std::string_view name) {
    return is_filter_key(name) || is_event_filter_key(name);
  }

  // Without a key, the term is a text. Notes in `filter` what the term needs.
  tl::expected<FlowFilter::Term, std::string> parse_term(const std::optional<std::string_view>& key,
                                                         bool negated, FlowFilter& filter) {
    const auto value = key ? parse_key_value(*key) : parse_value();
    if (!value) return error(value.error());
    FlowFilter::Term term{negated, {}, {}};
    if (key && is_event_filter_key(*key)) {
      auto test = event_key_test(*key, *value);
      if (!test) return error(test.error());
      filter.asks_for_events_ = true;
      if (!negated) filter.named_.merge(test->kinds);
      term.event_test = std::move(test->test);
      return term;
    }
    auto test = key ? key_test(*key, *value) : anywhere_test(*value);
    if (!test) return error(test.error());
    if (key) filter.needs_.insert(needs_of_key(*key));
    term.test = *std::move(test);
    return term;
  }

  tl::expected<FilterValue, std::string> parse_key_value(std::string_view key) {
    at_ += key.size();
    const FilterOp op = parse_operator();
    if (key.empty() || at_boundary()) {
      return error("key, operator and value are written without spaces, as in rtt>20");
    }
    auto value = parse_value();
    if (!value) return value;
    value->op = op;
    value->lookup_user = lookup_user_;
    return value;
  }

  FilterOp parse_operator() {
    const char c = text_[at_++];
    const bool or_equal = (c == '<' || c == '>') && !at_end() && text_[at_] == '=';
    if (or_equal) ++at_;
    if (c == '<') return or_equal ? FilterOp::kLessEqual : FilterOp::kLess;
    if (c == '>') return or_equal ? FilterOp::kGreaterEqual : FilterOp::kGreater;
    return c == ':' ? FilterOp::kColon : FilterOp::kEqual;
  }

  tl::expected<FilterValue, std::string> parse_value() {
    FilterValue value;
    const char quote = text_[at_];
    if (quote != '"' && quote != '/') {
      value.text = peek_word();
      at_ += value.text.size();
      return value;
    }
    value.regex = quote == '/';
    for (++at_; !at_end() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        ++at_;
        // Only before a slash is a backslash dropped: before anything else it belongs to the
        // regular expression.
        if (value.regex && text_[at_] != quote) value.text += '\\';
      }
      value.text += text_[at_];
    }
    if (at_end()) return error(fmt::format("the closing {} is missing", quote));
    ++at_;
    return value;
  }

  std::string_view text_;
  FlowFilter::UserLookup lookup_user_;
  std::size_t at_ = 0;
};

tl::expected<FlowFilter, std::string> FlowFilter::parse(std::string_view text,
                                                        UserLookup lookup_user) {
  constexpr std::size_t kLongest = 1000;
  if (text.size() > kLongest) return error("a filter may have 1,000 characters at most");
  return FilterParser(text, lookup_user).parse().map_error(clean_text);
}

bool FlowFilter::matches(const Flow& flow) const {
  return std::any_of(alternatives_.begin(), alternatives_.end(), [&](const auto& terms) {
    return std::all_of(terms.begin(), terms.end(), [&](const Term& term) {
      return !term.test || term.test(flow) != term.negated;
    });
  });
}

bool FlowFilter::matches(const Event& event) const {
  return std::any_of(alternatives_.begin(), alternatives_.end(), [&](const auto& terms) {
    return std::all_of(terms.begin(), terms.end(), [&](const Term& term) {
      return (term.test ? term.test(event.flow) : term.event_test(event)) != term.negated;
    });
  });
}

}  // namespace sockscope
