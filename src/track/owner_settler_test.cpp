// SPDX-License-Identifier: Apache-2.0
#include "track/owner_settler.h"

#include <gtest/gtest.h>

#include <vector>

namespace sockscope {
namespace {

constexpr std::uint64_t kPatience = 100;

class OwnerSettlerTest : public testing::Test {
 protected:
  void add(EventKind kind, std::uint64_t cookie, std::uint64_t at, std::uint32_t pid,
           OwnerKind owner = OwnerKind::kExact) {
    settler.add(event_of(kind, cookie, at, pid, owner), keep());
  }
  void confirm(std::uint64_t cookie, std::uint32_t pid) {
    settler.confirm(event_of(EventKind::kOwner, cookie, 0, pid, OwnerKind::kExact), keep());
  }
  static Event event_of(EventKind kind, std::uint64_t cookie, std::uint64_t at, std::uint32_t pid,
                        OwnerKind owner) {
    Event event;
    event.what = make_what(kind);
    event.mono_ns = at;
    event.flow.cookie = cookie;
    event.flow.owner.pid = pid;
    event.flow.owner.kind = owner;
    return event;
  }
  std::function<void(const Event&)> keep() {
    return [this](const Event& event) { out.push_back(event); };
  }

  OwnerSettler settler{kPatience};
  std::vector<Event> out;
};

TEST_F(OwnerSettlerTest, PassesEventsOnAtOnce) {
  add(EventKind::kConnect, 1, 0, 7);
  add(EventKind::kAccept, 2, 0, 7, OwnerKind::kUnknown);
  EXPECT_EQ(out.size(), 2u);
  EXPECT_TRUE(settler.empty());
}

TEST_F(OwnerSettlerTest, AnAcceptGetsTheOwnerThatShowsItselfSoonAfter) {
  add(EventKind::kAccept, 1, 0, 10, OwnerKind::kInherited);
  EXPECT_TRUE(out.empty());
  add(EventKind::kOwner, 1, 5, 11);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].kind(), EventKind::kAccept);
  EXPECT_EQ(out[0].flow.owner.pid, 11u);
  EXPECT_EQ(out[0].flow.owner.kind, OwnerKind::kExact);
}

TEST_F(OwnerSettlerTest, AConfirmationIsNoEventAndPatienceGoesOn) {
  add(EventKind::kAccept, 1, 0, 10, OwnerKind::kInherited);
  confirm(1, 10);
  EXPECT_TRUE(out.empty());
  settler.release(kPatience, keep());
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].kind(), EventKind::kAccept);
  EXPECT_EQ(out[0].flow.owner.kind, OwnerKind::kExact);
}

TEST_F(OwnerSettlerTest, AChildThatServesIsTheOwnerAfterTheParentWasConfirmed) {
  add(EventKind::kAccept, 1, 0, 10, OwnerKind::kInherited);
  confirm(1, 10);
  add(EventKind::kOwner, 1, 5, 11);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].flow.owner.pid, 11u);
}

TEST_F(OwnerSettlerTest, ReleasesAllInTheEnd) {
  add(EventKind::kAccept, 1, 0, 10, OwnerKind::kInherited);
  add(EventKind::kConnect, 2, 1, 20);
  settler.release_all(keep());
  EXPECT_EQ(out.size(), 2u);
  EXPECT_TRUE(settler.empty());
}

TEST_F(OwnerSettlerTest, ACloseSettlesItToo) {
  add(EventKind::kAccept, 1, 0, 10, OwnerKind::kInherited);
  add(EventKind::kClose, 1, 5, 12);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].flow.owner.pid, 12u);
}

TEST_F(OwnerSettlerTest, PatienceEnds) {
  add(EventKind::kAccept, 1, 0, 10, OwnerKind::kInherited);
  settler.release(99, keep());
  EXPECT_TRUE(out.empty());
  settler.release(100, keep());
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].flow.owner.kind, OwnerKind::kInherited);
  EXPECT_TRUE(settler.empty());
}

TEST_F(OwnerSettlerTest, AnEventOfLaterTimeEndsPatience) {
  add(EventKind::kAccept, 1, 0, 10, OwnerKind::kInherited);
  add(EventKind::kConnect, 2, 100, 20);
  EXPECT_EQ(out.size(), 2u);
}

TEST_F(OwnerSettlerTest, OrderIsKept) {
  add(EventKind::kAccept, 1, 0, 10, OwnerKind::kInherited);
  add(EventKind::kConnect, 2, 1, 20);
  add(EventKind::kAccept, 3, 2, 10, OwnerKind::kInherited);
  add(EventKind::kOwner, 3, 3, 33);
  EXPECT_TRUE(out.empty());
  settler.release(101, keep());
  ASSERT_EQ(out.size(), 4u);
  EXPECT_EQ(out[0].flow.cookie, 1u);
  EXPECT_EQ(out[1].flow.cookie, 2u);
  EXPECT_EQ(out[2].flow.owner.pid, 33u);
}

TEST_F(OwnerSettlerTest, WithoutPatienceNothingWaits) {
  OwnerSettler hasty(0);
  Event event;
  event.what = make_what(EventKind::kAccept);
  event.flow.cookie = 1;
  event.flow.owner.kind = OwnerKind::kInherited;
  hasty.add(event, keep());
  EXPECT_EQ(out.size(), 1u);
}

}  // namespace
}  // namespace sockscope
