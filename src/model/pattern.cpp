// SPDX-License-Identifier: Apache-2.0
#include "model/pattern.h"

#include <re2/re2.h>

namespace sockscope {

tl::expected<Pattern, std::string> Pattern::compile(const std::string& text, Case letters) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(letters == Case::kMatters);
  auto compiled = std::make_shared<const re2::RE2>(text, options);
  if (!compiled->ok()) return tl::make_unexpected("not a regular expression: " + compiled->error());
  return Pattern(std::move(compiled));
}

bool Pattern::is_in(std::string_view text) const {
  const std::string_view looked_at = text.substr(0, kMostText);
  return re2::RE2::PartialMatch({looked_at.data(), looked_at.size()}, *compiled_);
}

}  // namespace sockscope
