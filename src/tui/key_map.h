// SPDX-License-Identifier: Apache-2.0
// Which key does what: the defaults, and what a user chose instead.
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
  kColumns,
  kGroup,
  kFold,
  kUnfold,
  kTurnFold,
  kZoomIn,
  kZoomOut,
  kPlotScale,
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
  std::string_view keys;  // by default, separated by spaces
  std::string_view meaning;
  std::string_view footer = {};  // its text in the last line
};
// In the order of the help.
std::span<const ActionSpec> actions();
const ActionSpec& spec_of(Action action);
std::optional<Action> find_action(std::string_view name);

// Parses "q", "Space", "Ctrl-L", "PgUp", "F2", which are the names of print_key(); their case does
// not matter. The error says what is wrong.
tl::expected<Key, std::string> parse_key(std::string_view text);
// A key as users read it: "q", "Ctrl-L", "↑", "⏎"; with `ascii`, as parse_key() accepts it.
std::string print_key(const Key& key, bool ascii = false);

// Ctrl-C always quits, whatever else is mapped, so that there is a way out.
class KeyMap {
 public:
  KeyMap();

  std::optional<Action> find(const Key& key) const;
  // From now on only these keys do the action; none: no key does. The error says what is wrong with
  // a key.
  tl::expected<void, std::string> set(Action action, std::span<const std::string> keys);

  // From now on key_of() and similar functions return ASCII.
  void use_ascii() { ascii_ = true; }

  // A key that is mapped to two actions.
  struct Conflict {
    Action first;
    Action second;
    std::string key;
  };
  std::optional<Conflict> conflict() const;

  // The first key of the action; "": it has none.
  std::string key_of(Action action) const;
  // The first key of each action, separated by spaces.
  std::string keys_of(std::initializer_list<Action> wanted) const;
  // All other keys, which keys_of() leaves out.
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
