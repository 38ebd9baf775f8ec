// SPDX-License-Identifier: Apache-2.0
#include "tui/key_map.h"

#include <gtest/gtest.h>

#include <set>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

Key control(char letter) {
  return {KeyName::kControl, std::string(1, letter)};
}

TEST(KeyMap, EveryActionHasKeysOfItsOwnByDefault) {
  const KeyMap keys;
  EXPECT_FALSE(keys.conflict());
  std::set<std::string_view> names;
  for (const ActionSpec& spec : actions()) {
    EXPECT_EQ(&spec_of(spec.action), &spec);
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    EXPECT_EQ(find_action(spec.name), spec.action);
    std::string_view rest = spec.keys;
    ASSERT_FALSE(rest.empty()) << spec.name;
    while (!rest.empty()) {
      const std::size_t space = std::min(rest.find(' '), rest.size());
      const auto key = parse_key(rest.substr(0, space));
      ASSERT_TRUE(key) << spec.name << ": " << key.error();
      EXPECT_EQ(keys.find(*key), spec.action) << rest;
      rest.remove_prefix(std::min(space + 1, rest.size()));
    }
  }
}

TEST(KeyMap, KeysByName) {
  EXPECT_TRUE(parse_key("q")->is("q"));
  EXPECT_TRUE(parse_key("Q")->is("Q"));
  EXPECT_TRUE(parse_key("ä")->is("ä"));
  EXPECT_TRUE(parse_key("Space")->is(" "));
  EXPECT_TRUE(parse_key("ctrl-l")->is_control('l'));
  EXPECT_EQ(parse_key("pgup")->name, KeyName::kPageUp);
  EXPECT_EQ(parse_key("F12")->text, "12");
  for (const char* wrong : {"", "qq", "F13", "F0", "Ctrl-", "Ctrl-1", "Hyper-x", "\033", "\xff",
                            "Ctrl-C", "Ctrl-M", "Ctrl-I", "Ctrl-H"})
    EXPECT_FALSE(parse_key(wrong)) << wrong;
}

TEST(KeyMap, OnlyTheKeysThatWereSet) {
  KeyMap keys;
  ASSERT_TRUE(keys.set(Action::kQuit, std::vector<std::string>{"Ctrl-Q", "F10"}));
  EXPECT_EQ(keys.find(control('q')), Action::kQuit);
  EXPECT_EQ(keys.find({KeyName::kFunction, "10"}), Action::kQuit);
  EXPECT_FALSE(keys.find(typed("q")));
  EXPECT_EQ(keys.key_of(Action::kQuit), "Ctrl-Q");
  ASSERT_TRUE(keys.set(Action::kQuit, {}));
  EXPECT_EQ(keys.key_of(Action::kQuit), "");
  EXPECT_EQ(keys.find(control('c')), Action::kQuit);
  EXPECT_FALSE(keys.set(Action::kQuit, std::vector<std::string>{"nothing"}));
}

TEST(KeyMap, TwoActionsWithOneKey) {
  KeyMap keys;
  ASSERT_TRUE(keys.set(Action::kQuit, std::vector<std::string>{"x"}));
  auto conflict = keys.conflict();
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->key, "x");
  EXPECT_EQ(std::set({conflict->first, conflict->second}),
            std::set({Action::kQuit, Action::kReset}));
  ASSERT_TRUE(keys.set(Action::kReset, std::vector<std::string>{"q"}));
  EXPECT_FALSE(keys.conflict());
}

TEST(KeyMap, WhatUsersRead) {
  const KeyMap keys;
  EXPECT_EQ(keys.key_of(Action::kFreeze), "Space");
  EXPECT_EQ(keys.key_of(Action::kDetails), "⏎");
  EXPECT_EQ(keys.keys_of({Action::kZoomIn, Action::kZoomOut}), "+ -");
  EXPECT_EQ(keys.other_keys_of({Action::kUp, Action::kDown}), "↑ Ctrl-P ↓ Ctrl-N");
}

class MappedKeys : public ::testing::Test {
 protected:
  MappedKeys() {
    EXPECT_TRUE(state.keys.set(Action::kFreeze, std::vector<std::string>{"F5"}));
    EXPECT_TRUE(state.keys.set(Action::kUnits, {}));
    EXPECT_TRUE(state.keys.set(Action::kDown, std::vector<std::string>{"n"}));
    EXPECT_TRUE(state.keys.set(Action::kNames, std::vector<std::string>{"j"}));
    shown(model, state);
  }
  Model model = web_model();
  State state = state_of(kProcessesView, {80, 24});
};

TEST_F(MappedKeys, DoWhatTheyStandFor) {
  press(typed(" "), model, state);
  EXPECT_FALSE(state.is_frozen());
  press({KeyName::kFunction, "5"}, model, state);
  EXPECT_TRUE(state.is_frozen());
  press(typed("n"), model, state);
  EXPECT_EQ(state.table().position, 1u);
  press(typed("s"), model, state);
  press(typed("n"), model, state);  // in the picker, too
  EXPECT_EQ(state.overlay_row, 1u);
}

TEST_F(MappedKeys, StandInFooterAndHelp) {
  const std::string screen = shown(model, state).grid.text();
  const std::string footer = screen.substr(screen.rfind('\n', screen.size() - 2) + 1);
  EXPECT_NE(footer.find("F5 freeze"), std::string::npos) << footer;
  EXPECT_EQ(footer.find("bits/bytes"), std::string::npos) << footer;
  bool has_freeze = false;
  for (const auto& [key, text] : help_lines(model, state)) {
    has_freeze = has_freeze || (key == "F5" && text.starts_with("freeze"));
    EXPECT_NE(key, "Space");
  }
  EXPECT_TRUE(has_freeze);
}

}  // namespace
}  // namespace sockscope::tui
