// SPDX-License-Identifier: Apache-2.0
// Which key does what: the defaults, and what a user put in their place.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "tui/key.h"

namespace sockscope::tui {

enum class Action : std::uint8_t {
  kQuit,
  kHelp,
  kOptions,
  kRedraw,
  kSuspend,
  kBack,
  kDetails,
  kUp,
  kDown,
  kPageUp,
  kPageDown,
  kHalfPageUp,
  kHalfPageDown,
  kFirst,
  kLast,
  kEnd,
  kNextView,
  kPreviousView,
  kFilter,
  kSort,
  kPreviousSort,
  kNextSort,
  kReverse,
  kGroup,
  kFold,
  kUnfold,
  kTurnFold,
  kZoomIn,
  kZoomOut,
  kIdle,
  kClosed,
  kLoopback,
  kNames,
  kPortNames,
  kUnits,
  kEventTypes,
  kFollow,
  kFreeze,
  kNextSample,
  kPreviousSample,
  kGoToTime,
  kInterval,
  kCopy,
  kWrite,
  kReset,
  kSignal,
  kFirstView,  // and one more for each further view with a key: action_of(view)
};

struct ActionSpec {
  Action action;
  std::string_view name;  // in configuration files
  std::string_view keys;  // by default, with spaces between
  std::string_view meaning;
  std::string_view footer = {};  // what the last line says of it
};
// In the order of the help.
std::span<const ActionSpec> actions();
const ActionSpec& spec_of(Action action);
std::optional<Action> find_action(std::string_view name);

// "q", "Space", "Ctrl-L", "PgUp", "F2": names are those of print_key, case does not matter there.
// The error says what is wrong with it.
tl::expected<Key, std::string> parse_key(std::string_view text);
// As users read it: "q", "Ctrl-L", "↑", "⏎"; as parse_key() does where that is not to be shown.
std::string print_key(const Key& key, bool ascii = false);

// Ctrl-C quits whatever is mapped: there is always a way out.
class KeyMap {
 public:
  KeyMap();

  std::optional<Action> find(const Key& key) const;
  // Only these keys do it from now on; none: nothing does. The error: what is wrong with one of
  // them.
  tl::expected<void, std::string> set(Action action, std::span<const std::string> keys);

  // What key_of() and its like return is ASCII from now on.
  void use_ascii() { ascii_ = true; }

  // A key that stands for two actions.
  struct Conflict {
    Action first;
    Action second;
    std::string key;
  };
  std::optional<Conflict> conflict() const;

  // The first key of the action; "" when it has none.
  std::string key_of(Action action) const;
  // The first key of each, with spaces between.
  std::string keys_of(std::initializer_list<Action> wanted) const;
  // All that keys_of() leaves out.
  std::string other_keys_of(std::initializer_list<Action> wanted) const;

 private:
  struct Binding {
    Key key;
    Action action;
  };
  std::vector<Binding> bindings_;
  bool ascii_ = false;
};

}  // namespace sockscope::tui
