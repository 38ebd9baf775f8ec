// SPDX-License-Identifier: Apache-2.0
#include "tui/key_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/ascii.h"
#include "base/text.h"
#include "tui/grid.h"
#include "tui/view.h"

namespace sockscope::tui {
namespace {

constexpr ActionSpec kActions[] = {
    {Action::kQuit, "quit", "q", "end; so does Ctrl-C, always", "quit"},
    {Action::kHelp, "help", "? h F1", "help for this view", "help"},
    {Action::kOptions, "options", "F2 ,", "options", "options"},
    {Action::kRedraw, "redraw", "Ctrl-L", "draw the screen anew"},
    {Action::kSuspend, "suspend", "Ctrl-Z", "suspend, until fg"},
    {Action::kBack, "back", "Esc", "back; clear the filter; live again", "back"},
    {Action::kDetails, "details", "Enter", "details of the row", "details"},
    {Action::kUp, "up", "k Up Ctrl-P", "a row up; in details the connection before"},
    {Action::kDown, "down", "j Down Ctrl-N", "a row down; in details the next connection"},
    {Action::kPageUp, "page-up", "PgUp Ctrl-B", "a page up"},
    {Action::kPageDown, "page-down", "PgDn Ctrl-F", "a page down"},
    {Action::kHalfPageUp, "half-page-up", "Ctrl-U", "half a page up"},
    {Action::kHalfPageDown, "half-page-down", "Ctrl-D", "half a page down"},
    {Action::kFirst, "first", "g Home", "the first row"},
    {Action::kLast, "last", "G", "the last row"},
    {Action::kEnd, "end", "End", "live again; the newest event; the last row"},
    {Action::kNextView, "next-view", "Tab", "next view; on a wide screen the other pane", "view"},
    {Action::kPreviousView, "previous-view", "Shift-Tab", "the view before; the other pane"},
    {Action::kFilter, "filter", "/ \\ F4", "filter", "filter"},
    {Action::kSort, "sort", "s", "pick the column to sort by", "sort"},
    {Action::kPreviousSort, "previous-sort", "<", "sort by the column before"},
    {Action::kNextSort, "next-sort", ">", "sort by the next column"},
    {Action::kReverse, "reverse", "S I", "turn the order around", "reverse"},
    {Action::kColumns, "columns", "C", "which of TCP's numbers connections have"},
    {Action::kGroup, "group", "a", "next way of grouping", "group"},
    {Action::kFold, "fold", "Left", "fold the group"},
    {Action::kUnfold, "unfold", "Right", "unfold the group"},
    {Action::kTurnFold, "turn-fold", "*", "fold or unfold the group"},
    {Action::kZoomIn, "zoom-in", "+ =", "plots of a shorter time; unfold where there are groups"},
    {Action::kZoomOut, "zoom-out", "-", "plots of a longer time; fold where there are groups"},
    {Action::kPlotScale, "plot-scale", "y", "plots of rows: one scale, or each its own"},
    {Action::kIdle, "idle", "o", "idle rows", "idle"},
    {Action::kClosed, "closed", "O", "closed rows"},
    {Action::kLoopback, "loopback", "l", "loopback", "loopback"},
    {Action::kNames, "names", "n", "names of remote ends", "names"},
    {Action::kPortNames, "port-names", "p", "names of ports", "ports"},
    {Action::kUnits, "units", "B", "bits, bytes, IEC bytes", "bits/bytes"},
    {Action::kEventTypes, "event-types", "e", "which events"},
    {Action::kFollow, "follow", "F", "stay with this row"},
    {Action::kFreeze, "freeze", "Space Z", "freeze, and go on", "freeze"},
    {Action::kNextSample, "next-sample", "t", "next sample"},
    {Action::kPreviousSample, "previous-sample", "T", "the sample before"},
    {Action::kGoToTime, "go-to-time", "b", "go to a time"},
    {Action::kInterval, "interval", "d", "seconds between samples"},
    {Action::kCopy, "copy", "c", "copy the row", "copy"},
    {Action::kWrite, "write", "w", "write the view as JSON", "write JSON"},
    {Action::kReset, "reset", "x", "totals from now on"},
    {Action::kSignal, "signal", "K F9", "signal menu", "signal"},
};

struct NamedKey {
  KeyName key;
  std::string_view name;
  std::string_view shown;
};
constexpr NamedKey kNamed[] = {
    {KeyName::kEnter, "Enter", "⏎"},
    {KeyName::kEscape, "Esc", "Esc"},
    {KeyName::kTab, "Tab", "⇥"},
    {KeyName::kBackTab, "Shift-Tab", "Shift-Tab"},
    {KeyName::kBackspace, "Backspace", "Backspace"},
    {KeyName::kDelete, "Del", "Del"},
    {KeyName::kUp, "Up", "↑"},
    {KeyName::kDown, "Down", "↓"},
    {KeyName::kLeft, "Left", "←"},
    {KeyName::kRight, "Right", "→"},
    {KeyName::kHome, "Home", "Home"},
    {KeyName::kEnd, "End", "End"},
    {KeyName::kPageUp, "PgUp", "PgUp"},
    {KeyName::kPageDown, "PgDn", "PgDn"},
};

bool same(const Key& a, const Key& b) {
  return a.name == b.name && a.text == b.text;
}

// With Ctrl, terminals send another key for some letters.
std::string_view alias_of_control(char letter) {
  switch (letter) {
    case 'c': return "Ctrl-C quits, always";
    case 'h': return "terminals send Ctrl-H for Backspace";
    case 'i': return "terminals send Ctrl-I for Tab";
    case 'j':
    case 'm': return "terminals send Ctrl-J and Ctrl-M for Enter";
    default: return "";
  }
}

}  // namespace

std::span<const ActionSpec> actions() {
  static const std::vector<ActionSpec> all = [] {
    std::vector<ActionSpec> specs;
    for (const ActionSpec& spec : kActions) {
      specs.push_back(spec);
      if (spec.action != Action::kPreviousView) continue;
      for (const View* view : kKeyedViews)
        specs.push_back({action_of(*view), view->name, view->key, view->meaning});
    }
    return specs;
  }();
  return all;
}

const ActionSpec& spec_of(Action action) {
  const auto all = actions();
  return *std::find_if(all.begin(), all.end(),
                       [&](const ActionSpec& spec) { return spec.action == action; });
}

std::optional<Action> find_action(std::string_view name) {
  for (const ActionSpec& spec : actions())
    if (spec.name == name) return spec.action;
  return std::nullopt;
}

tl::expected<Key, std::string> parse_key(std::string_view text) {
  if (text.empty()) return tl::make_unexpected("a key has a name");
  if (character_length(text) == text.size() && clean_text(text) == text && text != " ")
    return Key{KeyName::kText, std::string(text)};
  const std::string wanted = ascii_lower(text);
  if (wanted == "space" || text == " ") return Key{KeyName::kText, " "};
  for (const NamedKey& named : kNamed)
    if (ascii_lower(named.name) == wanted) return Key{named.key};
  if (wanted.size() == 6 && wanted.starts_with("ctrl-") && wanted[5] >= 'a' && wanted[5] <= 'z') {
    if (const std::string_view alias = alias_of_control(wanted[5]); !alias.empty())
      return tl::make_unexpected(std::string(alias));
    return Key{KeyName::kControl, wanted.substr(5)};
  }
  if (wanted[0] == 'f')
    for (int number = 1; number <= kFunctionKeys; ++number)
      if (wanted.substr(1) == std::to_string(number))
        return Key{KeyName::kFunction, wanted.substr(1)};
  return tl::make_unexpected(
      fmt::format("'{}' is no key: a character, Space, Enter, Esc, Tab, Shift-Tab, Up, Down, Left, "
                  "Right, Home, "
                  "End, PgUp, PgDn, Del, Backspace, F1 to F{}, Ctrl-A to Ctrl-Z",
                  text, kFunctionKeys));
}

std::string print_key(const Key& key, bool ascii) {
  if (key.name == KeyName::kText) return key.text == " " ? "Space" : key.text;
  if (key.name == KeyName::kFunction) return 'F' + key.text;
  if (key.name == KeyName::kControl)
    return fmt::format("Ctrl-{}", static_cast<char>(std::toupper(key.text[0])));
  for (const NamedKey& named : kNamed)
    if (named.key == key.name) return std::string(ascii ? named.name : named.shown);
  return "";
}

KeyMap::KeyMap() {
  for (const ActionSpec& spec : actions()) {
    std::string_view rest = spec.keys;
    while (!rest.empty()) {
      const std::size_t space = std::min(rest.find(' '), rest.size());
      // The test of all defaults would find an invalid one.
      if (auto key = parse_key(rest.substr(0, space))) bindings_.push_back({*key, spec.action});
      rest.remove_prefix(std::min(space + 1, rest.size()));
    }
  }
}

std::optional<Action> KeyMap::find(const Key& key) const {
  if (key.is_control('c')) return Action::kQuit;
  for (const Binding& binding : bindings_)
    if (same(binding.key, key)) return binding.action;
  return std::nullopt;
}

tl::expected<void, std::string> KeyMap::set(Action action, std::span<const std::string> keys) {
  std::erase_if(bindings_, [&](const Binding& binding) { return binding.action == action; });
  for (const std::string& text : keys) {
    auto key = parse_key(text);
    if (!key) return tl::make_unexpected(std::move(key).error());
    bindings_.push_back({std::move(*key), action});
  }
  return {};
}

std::optional<KeyMap::Conflict> KeyMap::conflict() const {
  for (std::size_t i = 0; i < bindings_.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (same(bindings_[i].key, bindings_[j].key))
        return Conflict{bindings_[j].action, bindings_[i].action, print_key(bindings_[i].key)};
  return std::nullopt;
}

std::string KeyMap::key_of(Action action) const {
  for (const Binding& binding : bindings_)
    if (binding.action == action) return print_key(binding.key, ascii_);
  return "";
}

std::string KeyMap::keys_of(std::initializer_list<Action> wanted) const {
  std::string text;
  for (const Action action : wanted)
    if (const std::string key = key_of(action); !key.empty())
      text += (text.empty() ? "" : " ") + key;
  return text;
}

std::string KeyMap::other_keys_of(std::initializer_list<Action> wanted) const {
  std::string text;
  for (const Action action : wanted) {
    bool is_first = true;
    for (const Binding& binding : bindings_)
      if (binding.action == action && !std::exchange(is_first, false))
        text += (text.empty() ? "" : " ") + print_key(binding.key, ascii_);
  }
  return text;
}

}  // namespace sockscope::tui
