// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/way_choice.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

namespace sockscope {
namespace {

WayChoice choice_of(std::string_view doors = {}) {
  WayChoice choice([](Need need) { return need != Need::kTcpInHash && need != Need::kAllInHash; },
                   DoorChoice::parse(doors).value());
  choice.choose();
  return choice;
}

Refusal no_kprobes(const Way& way) {
  return way.kind == DoorKind::kProbe ? Refusal{RefusalReason::kNoKprobes} : Refusal{};
}

TEST(Plans, AreSound) {
  std::set<Observation> observations;
  for (const Plan& plan : plans()) {
    EXPECT_TRUE(observations.insert(plan.observation).second) << to_string(plan.observation);
    EXPECT_FALSE(plan.ways.empty()) << to_string(plan.observation);
    for (const Way& way : plan.ways) EXPECT_FALSE(way.programs.empty());
  }
}

TEST(Observations, HaveTextsOfTheirOwn) {
  std::set<std::string_view> texts;
  for (std::size_t i = 0; i < kObservationCount; ++i) {
    const auto observation = static_cast<Observation>(i);
    EXPECT_TRUE(texts.insert(to_string(observation)).second) << to_string(observation);
    EXPECT_EQ(observation_of(to_string(observation)), observation);
  }
  EXPECT_EQ(observation_of("tcp lifecycles"), std::nullopt);
}

TEST(WayChoice, TakesTheBestOfEach) {
  const WayChoice choice = choice_of();
  EXPECT_EQ(choice.states_in(), StateIn::kByProtocol);
  EXPECT_EQ(choice.way_of(Observation::kTcpLifecycle)->kind, DoorKind::kTracepoint);
  EXPECT_EQ(choice.way_of(Observation::kForeignSockets)->kind, DoorKind::kMapIterator);
  EXPECT_EQ(choice.way_of(Observation::kAcceptIpv4)->kind, DoorKind::kFunction);
  EXPECT_EQ(choice.lost_essential(), nullptr);
}

TEST(WayChoice, GoesByFilesWhereIteratorsOverMapsAreBarred) {
  for (const bool has_cookies : {true, false}) {
    WayChoice choice = choice_of();
    if (!has_cookies) choice.lose_cookies();
    choice.choose();
    const std::size_t foreign = WayChoice::position_of(Observation::kForeignSockets);
    choice.refuse(foreign, choice.way_of(foreign)->programs[0].program,
                  {RefusalReason::kBarred, {}, EPERM});
    choice.choose();  // in one step, without trying each program of that kind
    ASSERT_NE(choice.way_of(foreign), nullptr);
    EXPECT_EQ(choice.way_of(foreign)->kind, DoorKind::kTaskIterator);
    EXPECT_EQ(choice.way_of(foreign)->state, has_cookies ? StateIn::kByProtocol : StateIn::kHash);
    std::vector<DoorKind> refused;
    choice.for_each_refusal(foreign,
                            [&](const Way& way, const Refusal&) { refused.push_back(way.kind); });
    EXPECT_EQ(refused, std::vector{DoorKind::kMapIterator});
  }
}

TEST(WayChoice, AnObjectionIsToOneWayAlone) {
  WayChoice choice = choice_of();
  const std::size_t foreign = WayChoice::position_of(Observation::kForeignSockets);
  choice.refuse(foreign, choice.way_of(foreign)->programs[0].program,
                {RefusalReason::kVerifier, "invalid access", EACCES});
  choice.lose_cookies();
  choice.choose();
  EXPECT_EQ(choice.way_of(foreign)->kind, DoorKind::kMapIterator);
}

TEST(WayChoice, HashOnlyForWhatNothingElseSees) {
  WayChoice choice = choice_of();
  choice.refuse_where([](const Way& way) {
    return way.kind == DoorKind::kTracepoint || way.kind == DoorKind::kFunction
               ? Refusal{RefusalReason::kNoFunction, "f"}
               : Refusal{};
  });
  choice.choose();
  EXPECT_EQ(choice.states_in(), StateIn::kHash);
  EXPECT_EQ(choice.way_of(Observation::kTcpLifecycle)->kind, DoorKind::kProbe);

  choice.refuse_where(no_kprobes);
  choice.choose();
  ASSERT_NE(choice.lost_essential(), nullptr);
  EXPECT_EQ(choice.lost_essential()->observation, Observation::kTcpLifecycle);
}

TEST(WayChoice, UdpIsCountedInPacketsWhereSomebodyLooksAtThemAnyhow) {
  for (const bool names : {true, false}) {
    WayChoice choice(
        [=](Need need) { return need == Need::kConnections || (names && need == Need::kDns); },
        DoorChoice::parse("cgroup,tp_btf").value());
    choice.weigh_packets();
    choice.choose();
    for (const Observation observation : {Observation::kUdpSent, Observation::kUdpReceived})
      EXPECT_EQ(choice.way_of(observation)->kind,
                names ? DoorKind::kCgroup : DoorKind::kTracepoint);
    choice.refuse_where([](const Way& way) {
      return way.kind == DoorKind::kTracepoint ? Refusal{RefusalReason::kNoTracepoint} : Refusal{};
    });
    choice.choose();
    EXPECT_EQ(choice.way_of(Observation::kUdpReceived)->kind, DoorKind::kCgroup);
  }
}

TEST(DoorChoice, HooksAndIteratorsAreChosenApart) {
  const DoorChoice all;
  EXPECT_TRUE(all.allows(DoorKind::kProbe));
  EXPECT_TRUE(all.allows(DoorKind::kMapIterator));
  const DoorChoice hooks = DoorChoice::parse("tp_btf,cgroup").value();
  EXPECT_TRUE(hooks.allows(DoorKind::kTracepoint));
  EXPECT_TRUE(hooks.allows(DoorKind::kCgroup));
  EXPECT_FALSE(hooks.allows(DoorKind::kFunction));
  EXPECT_TRUE(hooks.allows(DoorKind::kMapIterator));
  const DoorChoice files = DoorChoice::parse("iter_task").value();
  EXPECT_FALSE(files.allows(DoorKind::kMapIterator));
  EXPECT_TRUE(files.allows(DoorKind::kProbe));
  EXPECT_TRUE(files.allows(DoorKind::kIterator));
  EXPECT_TRUE(files.allows(DoorKind::kNumbering));
}

TEST(DoorChoice, RefusesWhatItDoesNotKnow) {
  for (const char* names : {"fentry", "tp_btf,,cgroup", "tp_btf cgroup", ","}) {
    const auto choice = DoorChoice::parse(names);
    ASSERT_FALSE(choice) << names;
    EXPECT_EQ(choice.error().kind(), ErrorKind::kInvalidArgument);
  }
}

TEST(Refusal, AdviceFitsTheReason) {
  const auto advice = [](DoorKind kind, Refusal refusal) { return advice_for(kind, refusal); };
  EXPECT_NE(
      advice(DoorKind::kCgroup, {RefusalReason::kLacksNetAdmin, {}, EPERM}).find("CAP_NET_ADMIN"),
      std::string::npos);
  for (const DoorKind kind : {DoorKind::kCgroup, DoorKind::kFunction, DoorKind::kMapIterator})
    EXPECT_EQ(advice(kind, {RefusalReason::kBarred, {}, EPERM}).find("grant"), std::string::npos);
  EXPECT_NE(
      advice(DoorKind::kTracepoint, {RefusalReason::kNoTracepoint, "sock_send_length"}).find("6.3"),
      std::string::npos);
  EXPECT_TRUE(advice(DoorKind::kIterator, {RefusalReason::kOther, {}, EINVAL}).empty());
  EXPECT_EQ(to_string(Refusal{RefusalReason::kVerifier, "R1 invalid", EACCES}),
            "Permission denied: R1 invalid");
}

}  // namespace
}  // namespace sockscope
