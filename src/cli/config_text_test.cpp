// SPDX-License-Identifier: Apache-2.0
#include "cli/config_text.h"

#include <gtest/gtest.h>

#include "cli/config.h"

namespace sockscope {
namespace {

TEST(ConfigText, HasEachSettingWithItsLine) {
  const auto settings = parse_config(
      "# mine\n"
      "[top]\n"
      "interval = 0.5\n"
      "top = 12\n"
      "columns = [\"pid\", \"comm\"]\n"
      "ascii = true\n"
      "[alerts]\n"
      "scan.ports = 50\n"
      "\"scan.window\" = 7\n");
  ASSERT_TRUE(settings) << settings.error().what;
  ASSERT_EQ(settings->size(), 6u);
  const auto& all = *settings;
  EXPECT_EQ(all[0].section, "top");
  EXPECT_EQ(all[0].name, "interval");
  EXPECT_EQ(all[0].kind, Setting::Kind::kNumber);
  EXPECT_EQ(all[0].values, std::vector<std::string>{"0.5"});
  EXPECT_EQ(all[0].line, 3u);
  EXPECT_EQ(all[1].values, std::vector<std::string>{"12"});
  EXPECT_EQ(all[2].kind, Setting::Kind::kList);
  EXPECT_EQ(all[2].values, (std::vector<std::string>{"pid", "comm"}));
  EXPECT_EQ(all[3].kind, Setting::Kind::kFlag);
  EXPECT_EQ(all[3].values, std::vector<std::string>{"true"});
  EXPECT_EQ(all[4].name, "scan.ports");
  EXPECT_EQ(all[4].line, 8u);
  EXPECT_EQ(all[5].name, "scan.window");
}

TEST(ConfigText, SaysWhichLineIsWrong) {
  const auto wrong_at = [](std::string_view text) {
    const auto settings = parse_config(text);
    EXPECT_FALSE(settings) << text;
    return settings ? 0 : settings.error().line;
  };
  EXPECT_EQ(wrong_at("[top]\n[top\n"), 2u);
  EXPECT_EQ(wrong_at("[top]\n\ninterval = \n"), 3u);
  EXPECT_EQ(wrong_at("[top]\nidle = true\nidle = true\n"), 3u);
  EXPECT_EQ(wrong_at("\ninterval = 2\n"), 2u);
  EXPECT_EQ(wrong_at("[top]\ninterval = 12:00:00\n"), 2u);
  EXPECT_EQ(wrong_at("[top]\ncolumns = [\"pid\",\n[1]]\n"), 3u);
  EXPECT_EQ(wrong_at("[top]\n[%]\n"), 2u);
  EXPECT_EQ(wrong_at("[top]\nsort = ä\n"), 2u);
  EXPECT_EQ(wrong_at("[top]\nsort = \"a\\\"b\" ä\n"), 2u);
  EXPECT_EQ(wrong_at("[top]\n[[[x]]\n"), 2u);
  EXPECT_EQ(wrong_at(std::string_view("[\0\x0e", 3)), 1u);
}

TEST(ConfigText, LettersBeyondAscii) {
  const auto settings =
      parse_config("# Größe ~\n[keys]\nquit = [\"ä\", 'ö~', \"\\u00fc\", \"~7E\"] # ü\n");
  ASSERT_TRUE(settings) << settings.error().why;
  EXPECT_EQ(settings->at(0).values, (std::vector<std::string>{"ä", "ö~", "ü", "~7E"}));
  EXPECT_EQ(parse_config("[\"tüp\"]\n\"ä\" = 1\n")->at(0).section, "tüp");
}

TEST(ConfigText, RefusesWhatNobodyWroteByHand) {
  EXPECT_FALSE(parse_config(std::string(kMostConfigBytes + 1, '#')));
  EXPECT_FALSE(parse_config("[top]\nx = " + std::string(100'000, '[')));
  EXPECT_TRUE(parse_config(std::string(kMostConfigBytes, '#')));
}

std::vector<std::string> paths(const std::vector<ConfigPlace>& places) {
  std::vector<std::string> paths;
  for (const ConfigPlace& place : places) paths.push_back(place.path);
  return paths;
}
constexpr const char* kOfSystem = "/etc/sockscope/config.toml";

TEST(ConfigPlaces, UsersBeforeSystems) {
  Surroundings around;
  EXPECT_EQ(paths(config_places({}, around)), std::vector<std::string>{kOfSystem});
  around.home = "/home/ann";
  EXPECT_EQ(paths(config_places({}, around)),
            (std::vector<std::string>{"/home/ann/.config/sockscope/config.toml", kOfSystem}));
  around.xdg_config_home = "not/absolute";
  EXPECT_EQ(config_places({}, around).front().path, "/home/ann/.config/sockscope/config.toml");
  around.xdg_config_home = "/x";
  EXPECT_EQ(config_places({}, around).front().path, "/x/sockscope/config.toml");
  EXPECT_FALSE(config_places({}, around).front().owner);
}

TEST(ConfigPlaces, UnderSudoOnlyWhatTheUserOwns) {
  Surroundings around{"/root/xdg", "/root", 1000, "/home/ann"};
  const auto places = config_places({}, around);
  EXPECT_EQ(paths(places),
            (std::vector<std::string>{"/home/ann/.config/sockscope/config.toml", kOfSystem}));
  EXPECT_EQ(places[0].owner, 1000u);
  EXPECT_FALSE(places[1].owner);
  around.sudo_home.clear();
  EXPECT_EQ(paths(config_places({}, around)), std::vector<std::string>{kOfSystem});
}

TEST(ConfigPlaces, TheOneThatIsNamedOrNone) {
  const Surroundings around{"/x", "/root", std::nullopt, ""};
  const auto places = config_places({"mine.toml", false}, around);
  EXPECT_EQ(paths(places), std::vector<std::string>{"mine.toml"});
  EXPECT_TRUE(places[0].must_exist);
  EXPECT_TRUE(config_places({"", true}, around).empty());
}

}  // namespace
}  // namespace sockscope
