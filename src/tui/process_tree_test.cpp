// SPDX-License-Identifier: Apache-2.0
#include "tui/process_tree.h"

#include <gtest/gtest.h>

#include <map>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

std::shared_ptr<const ProcessInfo> info_of(std::uint32_t pid, std::uint32_t parent,
                                           std::string_view name, std::uint64_t start_ns = 0) {
  ProcessInfo info;
  info.pid = pid;
  info.start_ns = start_ns != 0 ? start_ns : 1'000 * std::uint64_t{pid};
  info.parent_pid = parent;
  info.comm = comm(name);
  return std::make_shared<ProcessInfo>(info);
}

// sshd 100 ─ bash 200 (no sockets) ┬ curl 300
//                                  └ make 400 (no sockets) ─ wget 500
// redis 600, a child of init
class Tree : public testing::Test {
 protected:
  Tree() {
    model.history = History();
    for (std::uint64_t second = 0; second < 4; ++second) {
      SnapshotBuilder b(second);
      add(b, 100, 1, "sshd", 10, 1000);
      add(b, 300, 200, "curl", 5'000, 50).flow(1, "10.0.0.7", 1, "192.0.2.1", 443, 5'000, 50);
      add(b, 500, 400, "wget", 70'000, 100).flow(2, "10.0.0.7", 2, "192.0.2.1", 443, 70'000, 100);
      add(b, 600, 1, "redis", 20'000, 20'000);
      b.process(0, "", 7, 0);
      model.history.add(b.snapshot());
    }
    model.now_ns = model.history.newest().mono_ns;
    model.now_wall_ns = model.history.newest().wall_ns;
    for (const auto& each : {info_of(200, 100, "bash"), info_of(400, 200, "make")})
      model.ancestors.emplace(each->pid, each);
    state.settings.process_grouping = Grouping::kTree;
  }

  static SnapshotBuilder& add(SnapshotBuilder& b, std::uint32_t pid, std::uint32_t parent,
                              std::string_view name, double rx, double tx) {
    b.process(pid, name, rx, tx);
    b.last_process().info = info_of(pid, parent, name);
    return b;
  }

  // "name:depth" of each row, from top to bottom.
  std::vector<std::string> rows() {
    shown(model, state);
    std::vector<std::string> out;
    const Listing& listing = state.table().listing;
    for (const Row& row : listing.rows)
      out.push_back(listing.sums[row.index].name + ':' + std::to_string(row.depth));
    return out;
  }
  const Sum& sum(std::string_view name) {
    const auto& sums = state.table().listing.sums;
    return *std::find_if(sums.begin(), sums.end(), [&](const Sum& s) { return s.name == name; });
  }
  void press_key(KeyName name) { press({name}, model, state); }

  Model model = web_model(0);
  State state = state_of(kProcessesView, {80, 24});
  const std::vector<std::string> all = {"sshd:0", "bash:1",  "make:2",          "wget:3",
                                        "curl:2", "redis:0", "[unattributed]:0"};
};

TEST_F(Tree, children_below_their_parents_those_that_move_most_first) {
  EXPECT_EQ(rows(), all);
}

TEST_F(Tree, parents_keep_what_children_moved_that_are_gone) {
  model.history = History();
  for (std::uint64_t second = 0; second <= 60; ++second) {
    SnapshotBuilder b(second);
    add(b, 100, 1, "sshd", 10, 0);
    if (second < 40) add(b, 1000 + static_cast<std::uint32_t>(second), 200, "curl", 600, 0);
    model.history.add(b.snapshot());
  }
  state.size = {120, 40};
  model.ancestors.clear();
  model.ancestors.emplace(100, info_of(100, 1, "sshd"));
  rows();
  EXPECT_DOUBLE_EQ(sum("sshd").lately.rate_60s.value_or(0), 10);  // bash is no longer known
  SnapshotBuilder b(61);
  add(b, 100, 1, "sshd", 10, 0);
  add(b, 300, 200, "curl", 0, 0);
  model.history.add(b.snapshot());
  model.ancestors.emplace(200, info_of(200, 100, "bash"));
  state.settings.idle = true;
  rows();
  // 38 of the last sixty seconds, one process in each.
  EXPECT_DOUBLE_EQ(sum("bash").lately.rate_60s.value_or(0), 38 * 600 / 60.0);
  EXPECT_DOUBLE_EQ(sum("sshd").lately.rate_60s.value_or(0), 10 + 38 * 600 / 60.0);
}

TEST_F(Tree, parents_have_the_sums_of_all_below) {
  rows();
  EXPECT_DOUBLE_EQ(sum("bash").rx_rate, 75'000);
  EXPECT_DOUBLE_EQ(sum("sshd").rx_rate, 75'010);
  EXPECT_DOUBLE_EQ(sum("sshd").tx_rate, 1'150);
  EXPECT_DOUBLE_EQ(sum("make").rx_rate, 70'000);
  EXPECT_EQ(sum("bash").flows, 2u);
  EXPECT_EQ(sum("bash").processes.size(), 2u);
  EXPECT_DOUBLE_EQ(sum("redis").rx_rate, 20'000);
  // The roots add up to the host.
  double roots = 0;
  for (const Row& row : state.table().listing.rows)
    if (row.depth == 0) roots += state.table().listing.sums[row.index].rx_rate;
  EXPECT_DOUBLE_EQ(roots, model.history.newest().rx_rate);
}

TEST_F(Tree, folds_and_unfolds) {
  rows();
  press_all("j", model, state);  // bash
  press_all("-", model, state);
  EXPECT_EQ(rows(), (std::vector<std::string>{"sshd:0", "bash:1", "redis:0", "[unattributed]:0"}));
  press_all("-", model, state);  // it is folded: its parent
  EXPECT_EQ(rows(), (std::vector<std::string>{"sshd:0", "redis:0", "[unattributed]:0"}));
  press_all("+", model, state);
  press_all("j+", model, state);
  EXPECT_EQ(rows(), all);
  press_all("jj", model, state);  // wget, below make
  press_key(KeyName::kLeft);
  EXPECT_EQ(rows(), (std::vector<std::string>{"sshd:0", "bash:1", "make:2", "curl:2", "redis:0",
                                              "[unattributed]:0"}));
  EXPECT_EQ(state.table().position, 2u);
  press_key(KeyName::kRight);
  EXPECT_EQ(rows(), all);
}

TEST_F(Tree, a_parent_without_sockets_folds_on_enter_one_with_has_details) {
  rows();
  press_all("j", model, state);
  press_key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kProcessesView);
  EXPECT_EQ(rows().size(), 4u);
  press_all("k", model, state);
  press_key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kProcessView);
}

TEST_F(Tree, filter_keeps_ancestors_of_what_matches) {
  press_all("/curl", model, state);
  EXPECT_EQ(rows(), (std::vector<std::string>{"bash:0", "curl:1"}));  // sshd has no connection
}

TEST_F(Tree, an_ancestor_that_is_younger_is_another_process) {
  model.ancestors[400] = info_of(400, 200, "cron", 900'000'000'000);
  EXPECT_EQ(rows(), (std::vector<std::string>{"wget:0", "redis:0", "sshd:0", "bash:1", "curl:2",
                                              "[unattributed]:0"}));
}

TEST_F(Tree, a_chain_that_bites_its_tail_is_cut) {
  model.ancestors[200] = info_of(200, 400, "bash");
  const auto names = rows();
  EXPECT_EQ(names.size(), all.size());
  EXPECT_EQ(state.table().listing.sums.size(), all.size());
}

TEST_F(Tree, very_deep_chains_are_drawn) {
  for (std::uint32_t pid = 10'000; pid < 13'000; ++pid)
    model.ancestors[pid] = info_of(pid, pid + 1, "deeper", 1);
  model.ancestors[400] = info_of(400, 10'000, "make");
  EXPECT_GT(rows().size(), 3'000u);
  press_all("G", model, state);
  EXPECT_FALSE(shown(model, state).grid.text().empty());
}

TEST_F(Tree, by_container_else_unit) {
  Model web = web_model();
  state.settings.process_grouping = Grouping::kContainer;
  shown(web, state);
  const Listing& listing = state.table().listing;
  std::map<std::string, std::string> below;
  std::string place;
  for (const Row& row : listing.rows) {
    if (row.is_parent) place = listing.sums[row.index].name;
    if (row.depth == 1) below[listing.sums[row.index].name] = place;
  }
  EXPECT_EQ(below,
            (std::map<std::string, std::string>{{"nginx", "nginx.service"}, {"java", "shop"}}));
}

}  // namespace
}  // namespace sockscope::tui
