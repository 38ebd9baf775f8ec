// SPDX-License-Identifier: Apache-2.0
#include "tui/theme.h"

namespace sockscope::tui {
namespace {

constexpr std::int8_t kRed = 1;
constexpr std::int8_t kGreen = 2;
constexpr std::int8_t kYellow = 3;
constexpr std::int8_t kBlue = 4;
constexpr std::int8_t kMagenta = 5;
constexpr std::int8_t kCyan = 6;

// In the order of Role: text, dim, title, key, rx, tx, look, broken, live, frozen, tab.
constexpr Theme kDefault{{{},
                          {.dim = true},
                          {.bold = true},
                          {.bold = true},
                          {.colour = kCyan},
                          {.colour = kMagenta},
                          {.colour = kYellow},
                          {.colour = kRed, .bold = true},
                          {.colour = kGreen},
                          {.reverse = true},
                          {.bold = true, .reverse = true}}};

constexpr Theme kMono{{{},
                       {.dim = true},
                       {.bold = true},
                       {.bold = true},
                       {},
                       {},
                       {.bold = true},
                       {.bold = true, .underline = true},
                       {},
                       {.reverse = true},
                       {.bold = true, .reverse = true}}};

constexpr Theme kHighContrast{{{.bold = true},
                               {},
                               {.bold = true, .underline = true},
                               {.bold = true, .underline = true},
                               {.colour = kCyan, .bold = true},
                               {.colour = kMagenta, .bold = true},
                               {.colour = kYellow, .bold = true, .reverse = true},
                               {.colour = kRed, .bold = true, .reverse = true},
                               {.colour = kGreen, .bold = true},
                               {.bold = true, .reverse = true},
                               {.bold = true, .reverse = true}}};

// Nearly everybody can distinguish blue from yellow, which is the base colour nearest to orange.
constexpr Theme kColourBlind{{{},
                              {.dim = true},
                              {.bold = true},
                              {.bold = true},
                              {.colour = kBlue, .bold = true},
                              {.colour = kYellow},
                              {.colour = kYellow, .bold = true},
                              {.colour = kYellow, .bold = true, .reverse = true},
                              {.colour = kBlue, .bold = true},
                              {.reverse = true},
                              {.bold = true, .reverse = true}}};

}  // namespace

std::optional<Theme> find_theme(std::string_view name) {
  constexpr std::array<const Theme*, kThemeNames.size()> kThemes{&kDefault, &kMono, &kHighContrast,
                                                                 &kColourBlind};
  for (std::size_t i = 0; i < kThemes.size(); ++i)
    if (kThemeNames[i] == name) return *kThemes[i];
  return std::nullopt;
}

}  // namespace sockscope::tui
