// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sockscope/netwatch_wire.h>

#include <bit>
#include <cstring>

namespace sockscope::netwatch {
namespace {

// Written by hand for a little-endian host: curl (thread 1234568 of process 1234567) connects from
// 10.0.0.7:48122 to 203.0.113.10:443, 0x0102030405060708 ns after boot.
constexpr unsigned char kConnect[kRecordSize] = {
    0x01, 0x00, 0x00, 0x00,                          // kind, padding
    0x87, 0xd6, 0x12, 0x00, 0x88, 0xd6, 0x12, 0x00,  // tgid, tid
    10,   0,    0,    7,    203,  0,    113,  10,    // addresses
    0xbb, 0xfa, 0x01, 0xbb,                          // ports
    'c',  'u',  'r',  'l',  0,    0,    0,    0,     // name
    0,    0,    0,    0,    0,    0,    0,    0,     //
    0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,  // time
};

Record sample() {
  Record record;
  record.pid = 1'234'567;
  record.tid = 1'234'568;
  record.local = {{.bytes = {10, 0, 0, 7}, .family = 4}, 48122};
  record.remote = {{.bytes = {203, 0, 113, 10}, .family = 4}, 443};
  std::strcpy(record.comm.data(), "curl");
  record.boot_ns = 0x0102030405060708;
  return record;
}

std::span<const std::byte> bytes_of(const unsigned char (&bytes)[kRecordSize]) {
  return std::as_bytes(std::span(bytes));
}

TEST(NetwatchRecord, IsTheseBytes) {
  if (std::endian::native != std::endian::little) GTEST_SKIP() << "the bytes are little-endian";
  const auto bytes = encode_record(sample());
  ASSERT_TRUE(bytes);
  EXPECT_EQ(std::memcmp(bytes->data(), kConnect, kRecordSize), 0);
  EXPECT_EQ(decode_record(bytes_of(kConnect)), sample());
}

TEST(NetwatchRecord, KindsHaveTheirNumbers) {
  unsigned char bytes[kRecordSize];
  for (const auto& [number, kind] :
       {std::pair{1, RecordKind::kConnectV4}, {3, RecordKind::kAccept}, {4, RecordKind::kClose}}) {
    std::memcpy(bytes, kConnect, kRecordSize);
    bytes[0] = static_cast<unsigned char>(number);
    const auto record = decode_record(bytes_of(bytes));
    ASSERT_TRUE(record) << number;
    EXPECT_EQ(record->kind, kind);
    const auto again = encode_record(*record);
    ASSERT_TRUE(again);
    EXPECT_EQ((*again)[0], static_cast<std::byte>(number));
  }
  EXPECT_EQ(static_cast<int>(RecordKind::kConnectV6), 2);
}

TEST(NetwatchRecord, RefusesWhatIsNone) {
  for (std::size_t size = 0; size < kRecordSize; ++size)
    EXPECT_FALSE(decode_record(bytes_of(kConnect).first(size))) << size;
  unsigned char bytes[kRecordSize];
  for (const int kind : {0, 2, 5, 255}) {
    std::memcpy(bytes, kConnect, kRecordSize);
    bytes[0] = static_cast<unsigned char>(kind);
    EXPECT_FALSE(decode_record(bytes_of(bytes))) << kind;
  }
}

TEST(NetwatchRecord, HasNoRoomForIpv6) {
  Record record = sample();
  record.kind = RecordKind::kConnectV6;
  EXPECT_FALSE(encode_record(record));
  record = sample();
  record.remote.addr.family = 6;
  EXPECT_FALSE(encode_record(record));
}

TEST(NetwatchRecord, PaddingIsNotRead) {
  unsigned char bytes[kRecordSize];
  std::memcpy(bytes, kConnect, kRecordSize);
  bytes[1] = bytes[2] = bytes[3] = 0xff;
  const auto record = decode_record(bytes_of(bytes));
  ASSERT_TRUE(record);
  EXPECT_EQ(*record, sample());
}

TEST(NetwatchRecord, IsMadeOfAnEvent) {
  Event event;
  event.what = make_what(EventKind::kAccept);
  event.mono_ns = 1000;
  event.flow.local = sample().local;
  event.flow.remote = sample().remote;
  event.flow.owner.pid = 77;
  event.flow.owner.comm = sample().comm;
  const auto record = make_record(event, 500);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, RecordKind::kAccept);
  EXPECT_EQ(record->pid, 77u);
  EXPECT_EQ(record->tid, 77u);
  EXPECT_EQ(record->local, sample().local);
  EXPECT_EQ(record->remote, sample().remote);
  EXPECT_EQ(record->boot_ns, 1500u);

  event.what = make_what(EventKind::kRetransmit);
  EXPECT_FALSE(make_record(event, 0));
  event.what = make_what(EventKind::kClose);
  event.flow.protocol = Protocol::kUdp;
  EXPECT_FALSE(make_record(event, 0));
  event.flow.protocol = Protocol::kTcp;
  event.flow.remote.addr.family = 6;
  EXPECT_FALSE(make_record(event, 0));
}

}  // namespace
}  // namespace sockscope::netwatch
