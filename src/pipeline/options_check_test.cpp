// SPDX-License-Identifier: Apache-2.0
#include "pipeline/options_check.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

TEST(OptionsCheck, TakesTheDefaults) {
  EXPECT_TRUE(check_options({}));
  Options options;
  options.filter.family = 6;
  options.filter.comm = "/a name much longer than fifteen bytes/";
  options.filter.any_ports = {{443, 443}, {1, 65535}};
  options.doors = "tp_btf,iter_task";
  options.settle_owner = options.keep_closed = std::chrono::milliseconds(0);
  EXPECT_TRUE(check_options(options));
}

TEST(OptionsCheck, SaysWhichMakesNoSense) {
  using Change = void (*)(Options&);
  const std::pair<const char*, Change> cases[] = {
      {"filter.family", [](Options& o) { o.filter.family = 5; }},
      {"filter.comm", [](Options& o) { o.filter.comm = "sixteen bytes ..."; }},
      {"filter.any_ports",
       [](Options& o) {
         o.filter.any_ports = {{1, 2}, {90, 80}};
       }},
      {"filter.local_ports",
       [](Options& o) {
         o.filter.local_ports = {{90, 80}};
       }},
      {"filter.remote_ports",
       [](Options& o) {
         o.filter.remote_ports = {{90, 80}};
       }},
      {"source", [](Options& o) { o.source = Source::kCapture; }},
      {"doors", [](Options& o) { o.doors = "tp_bft"; }},
      {"max_udp_peers", [](Options& o) { o.udp_peers = true, o.max_udp_peers = 0; }},
      {"late_openings", [](Options& o) { o.late_openings = o.data = true; }},
      {"late_openings", [](Options& o) { o.late_openings = o.exact_owners = true; }},
      {"udp_peers", [](Options& o) { o.udp_peers = true, o.connections = false; }},
      {"ring_bytes", [](Options& o) { o.ring_bytes = std::size_t{1} << 32; }},
      {"poll_interval", [](Options& o) { o.poll_interval = std::chrono::milliseconds(0); }},
      {"batch", [](Options& o) { o.batch = std::chrono::milliseconds(-1); }},
      {"keep_closed", [](Options& o) { o.keep_closed = std::chrono::milliseconds(-1); }},
      {"settle_owner", [](Options& o) { o.settle_owner = std::chrono::milliseconds(-1); }},
  };
  for (const auto& [name, change] : cases) {
    Options options;
    change(options);
    const auto checked = check_options(options);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().kind(), ErrorKind::kInvalidArgument) << name;
    EXPECT_NE(checked.error().detail().find(name), std::string::npos) << checked.error().detail();
  }
}

}  // namespace
}  // namespace sockscope
