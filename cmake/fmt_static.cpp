// SPDX-License-Identifier: Apache-2.0
// The part of fmt that is not in its headers, as upstream compiles it, for programs without shared
// libraries.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {

template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;

}  // namespace detail
FMT_END_NAMESPACE
