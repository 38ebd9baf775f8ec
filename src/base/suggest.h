// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sockscope {

// The candidate that a mistyped word most likely stands for, the first among equals; empty when
// none is near. Near means one slip (a letter missing, added, wrong, or two swapped) for every
// three letters. Case does not matter.
std::string nearest(std::string_view word, std::span<const std::string_view> candidates);

// ": did you mean 'x'?", or "" when no candidate is near. For the end of an error message.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

// "a, b, c".
std::string comma_list(std::span<const std::string_view> words);

}  // namespace sockscope
