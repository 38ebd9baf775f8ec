// SPDX-License-Identifier: Apache-2.0
#include "model/descendants.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

Event forks(std::uint32_t parent, std::uint32_t child, std::uint32_t thread = 0) {
  Event event;
  event.what = ProcessEvent{.kind = ProcessEventKind::kFork,
                            .pid = child,
                            .tid = thread == 0 ? child : thread,
                            .parent_pid = parent};
  return event;
}

Event exits(std::uint32_t pid) {
  Event event;
  event.what = ProcessEvent{.kind = ProcessEventKind::kExit, .pid = pid, .tid = pid};
  return event;
}

Event connects(std::uint32_t pid) {
  Event event;
  event.flow.owner.pid = pid;
  event.what = event::Connect{};
  return event;
}

TEST(Descendants, AreThoseOfTheRootAndTheirs) {
  Descendants script(10);
  EXPECT_TRUE(script.take(connects(10)));
  EXPECT_FALSE(script.take(connects(11)));
  EXPECT_TRUE(script.take(forks(10, 11)));
  EXPECT_TRUE(script.take(forks(11, 12)));
  EXPECT_FALSE(script.take(forks(9, 13)));
  EXPECT_TRUE(script.take(connects(12)));
  EXPECT_FALSE(script.take(connects(13)));
}

TEST(Descendants, StayWhenTheirParentIsGone) {
  Descendants script(10);
  script.take(forks(10, 11));
  EXPECT_TRUE(script.take(exits(10)));
  EXPECT_TRUE(script.take(forks(11, 12)));
  EXPECT_TRUE(script.take(exits(12)));
  EXPECT_TRUE(script.take(connects(12)));  // its connections are closed after its end
}

TEST(Descendants, ANumberThatAnotherGotIsNoneOfThem) {
  Descendants script(10);
  script.take(forks(10, 11));
  script.take(exits(11));
  EXPECT_FALSE(script.take(forks(1, 11)));
  EXPECT_FALSE(script.take(connects(11)));
}

TEST(Descendants, AThreadOfAnotherChangesNothing) {
  Descendants script(10);
  script.take(forks(10, 11));
  EXPECT_TRUE(script.take(forks(1, 11, 99)));
}

}  // namespace
}  // namespace sockscope
