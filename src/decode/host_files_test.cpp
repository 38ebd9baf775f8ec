// SPDX-License-Identifier: Apache-2.0
#include "decode/host_files.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

TEST(ParseStat, SumsTicksOfAllAndOfEachCore) {
  const CpuReading reading = parse_cpu_stat(
      "cpu  100 20 30 400 50 6 7 8 90 10\n"  // guest times are part of user and nice
      "cpu0 60 10 10 200 20 3 3 4 0 0\n"
      "cpu2 40 10 20 200 30\n"
      "cpux 1 2 3 4\ncpu3 1 2 x 4\n"
      "intr 123 456\nctxt 5\n");
  ASSERT_TRUE(reading.all);
  EXPECT_EQ(reading.all->busy, 171u);
  EXPECT_EQ(reading.all->idle, 450u);
  ASSERT_EQ(reading.cores.size(), 2u);
  EXPECT_EQ(reading.cores[0].busy, 90u);
  EXPECT_EQ(reading.cores[1].idle, 230u);
  EXPECT_FALSE(parse_cpu_stat("cpu 1 2 3\n").all);
  EXPECT_FALSE(parse_cpu_stat("").all);
}

TEST(ParseMeminfo, UsedIsWhatIsNotAvailable) {
  SystemFacts facts;
  parse_meminfo(
      "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    6000 kB\n"
      "SwapTotal:        500 kB\nSwapFree:          100 kB\n",
      facts);
  EXPECT_EQ(facts.memory_total_bytes, 16000u * 1024);
  EXPECT_EQ(facts.memory_available_bytes, 6000u * 1024);
  EXPECT_EQ(facts.memory_used_bytes, 10000u * 1024);
  EXPECT_EQ(facts.swap_total_bytes, 500u * 1024);
  EXPECT_EQ(facts.swap_used_bytes, 400u * 1024);

  SystemFacts wrong;
  parse_meminfo("MemTotal: 10 kB\nMemAvailable: 20 kB\nSwapTotal: 18446744073709551615 kB\n",
                wrong);
  EXPECT_FALSE(wrong.memory_used_bytes);
  EXPECT_FALSE(wrong.swap_total_bytes);
  EXPECT_FALSE(wrong.swap_used_bytes);
}

TEST(ParseLoadavg, HasThree) {
  SystemFacts facts;
  parse_loadavg("0.52 1.25 3.00 2/345 6789\n", facts);
  EXPECT_EQ(facts.load_1m, 0.52);
  EXPECT_EQ(facts.load_5m, 1.25);
  EXPECT_EQ(facts.load_15m, 3.0);
  parse_loadavg("inf -1", facts);
  EXPECT_FALSE(facts.load_1m);
  EXPECT_FALSE(facts.load_15m);
}

TEST(ParseListenDrops, StandsBelowItsName) {
  EXPECT_EQ(parse_listen_drops("TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPHPHits\n"
                               "TcpExt: 1 2 3 4\n"
                               "IpExt: InNoRoutes\nIpExt: 5\n"),
            3u);
  EXPECT_EQ(parse_listen_drops("IpExt: ListenDrops\nIpExt: 5\nTcpExt: ListenDrops\nTcpExt: 6\n"),
            6u);
  for (const char* text :
       {"", "TcpExt:", "TcpExt: ListenDrops", "TcpExt: ListenDrops\nTcpExt:\n",
        "TcpExt: A ListenDrops\nTcpExt: 1\n", "TcpExt: ListenDrops\nTcpExt: -1\n",
        "TcpExt: ListenDrops\nIpExt: 1\n", "TcpExt: A B\nTcpExt: 1 2\n"})
    EXPECT_FALSE(parse_listen_drops(text)) << text;
}

TEST(ParseDiskstats, CountsEachByteOnce) {
  const auto io = parse_diskstats(
      "   7       0 loop0 5 0 1000 0 0 0 1000 0\n"
      "   1       0 ram0 5 0 1000 0 0 0 1000 0\n"
      " 254       0 vda 10 0 100 5 20 0 200 7 0 0 0\n"
      " 254       1 vda1 9 0 90 5 20 0 190 7 0 0 0\n"
      " 259       0 nvme0n1 1 0 7 0 1 0 9 0\n"
      " 259       1 nvme0n1p1 1 0 7 0 1 0 9 0\n"
      " 259       2 nvme0n12 1 0 1 0 1 0 2 0\n"  // another disk, not a partition
      " 253       0 dm-0 10 0 100 5 20 0 200 7\n"
      "   8       0 sdb 1 0 x\n");
  ASSERT_TRUE(io);
  EXPECT_EQ(io->read_bytes, 108u * 512);
  EXPECT_EQ(io->write_bytes, 211u * 512);
  EXPECT_FALSE(parse_diskstats("   7 0 loop0 5 0 1000 0 0 0 1000\n"));
  EXPECT_FALSE(parse_diskstats(""));
}

TEST(ParseMounts, TakesBlockDevices) {
  const auto mounts = parse_mounts(
      "proc /proc proc rw 0 0\n/dev/vda1 / ext4 rw 0 0\n/dev/vdb /mnt/a\\040b ext4 rw 0 0\n"
      "/dev/fuse /run/user/doc fuse rw 0 0\n/dev/sdc1 /win fuseblk rw 0 0\ntmpfs /dev/shm tmpfs rw "
      "0 0\n"
      "/dev/vdd\n");
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[0].device, "/dev/vda1");
  EXPECT_EQ(mounts[0].directory, "/");
  EXPECT_EQ(mounts[1].directory, "/mnt/a b");
  EXPECT_EQ(mounts[2].directory, "/win");
}

TEST(ParseIdentity, ReadsNamesAndUptime) {
  EXPECT_EQ(parse_uptime("350735.47 234388.90\n"), 350735u);
  EXPECT_FALSE(parse_uptime(""));
  EXPECT_EQ(parse_cpu_model("processor\t: 0\nmodel name\t: A CPU @ 3 GHz\nmodel name\t: B\n"),
            "A CPU @ 3 GHz");
  EXPECT_EQ(parse_cpu_model("processor : 0\n"), "");
  EXPECT_EQ(parse_os_name("NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(parse_os_name("PRETTY_NAME=Plain\n"), "Plain");
  EXPECT_EQ(parse_os_name("PRETTY_NAME=\"\n"), "\"");
}

TEST(ParseResolvConf, TakesTheServersInTheirOrder) {
  const auto servers = parse_resolv_conf(
      "# nameserver 1.1.1.1\nsearch example.org\nnameserver what\nnameserver  192.0.2.53 # x\n"
      "nameserver 192.0.2.54\n");
  ASSERT_EQ(servers.size(), 2u);
  EXPECT_EQ(to_string(servers[0]), "192.0.2.53");
  EXPECT_EQ(to_string(servers[1]), "192.0.2.54");
  const auto local = parse_resolv_conf("nameserver fe80::1%eth0\r\n");
  ASSERT_EQ(local.size(), 1u);
  EXPECT_EQ(to_string(local[0]), "fe80::1%eth0");
  EXPECT_TRUE(parse_resolv_conf("nameserver\nnameservers 1.1.1.1\n").empty());
}

}  // namespace
}  // namespace sockscope
