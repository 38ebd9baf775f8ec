// SPDX-License-Identifier: Apache-2.0
// The views of top, in the order of their tabs; then one that only has a key, and those that are
// opened from a row. Each is one value in its own file, view_NAME.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace sockscope::tui {

struct View;

extern const View kProcessesView;
extern const View kConnectionsView;
extern const View kHostsView;
extern const View kEventsView;
extern const View kThisHostView;
extern const View kAlertsView;
extern const View kProcessView;
extern const View kConnectionView;
extern const View kAlertView;

inline constexpr std::array kViews = {&kProcessesView, &kConnectionsView, &kHostsView,
                                      &kEventsView,    &kThisHostView,    &kAlertsView,
                                      &kProcessView,   &kConnectionView,  &kAlertView};

// The views with a tab and a key.
inline constexpr auto kMainViews = std::span(kViews).first<5>();
// The views with a key.
inline constexpr auto kKeyedViews = std::span(kViews).first<6>();

// The place of a view among all of them.
constexpr std::size_t number_of(const View& view) {
  std::size_t number = 0;
  while (kViews[number] != &view) ++number;
  return number;
}

}  // namespace sockscope::tui
