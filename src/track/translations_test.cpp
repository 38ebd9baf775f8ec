// SPDX-License-Identifier: Apache-2.0
#include "track/translations.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

Endpoint end(std::uint8_t last, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.addr.family = 4;
  endpoint.addr.bytes = {10, 0, 0, last};
  endpoint.port = port;
  return endpoint;
}

constexpr Protocol kTcp = Protocol::kTcp;

class TranslationsTest : public testing::Test {
 protected:
  // A client at .1 connects to .96:443; the router .9 forwards it to the server at .2:6443.
  const Endpoint client = end(1, 40'000), service = end(96, 443), router = end(9, 50'000),
                 server = end(2, 6443);
  const ConntrackEntry entry{kTcp, {client, service}, {server, router}};
  Translations translations;
};

TEST_F(TranslationsTest, EachEndHasItsOwnView) {
  translations.note(entry);
  const auto of_client = translations.of_socket(kTcp, client, service);
  ASSERT_TRUE(of_client);
  EXPECT_EQ(*of_client, (Translation{router, server}));
  const auto of_server = translations.of_socket(kTcp, server, router);
  ASSERT_TRUE(of_server);
  EXPECT_EQ(*of_server, (Translation{service, client}));
}

TEST_F(TranslationsTest, FromThePacketBackToTheSocket) {
  translations.note(entry);
  using Ends = std::pair<Endpoint, Endpoint>;
  // As it leaves for the server, and as it comes from the client.
  EXPECT_EQ(translations.socket_of(kTcp, router, server), (Ends{client, service}));
  EXPECT_EQ(translations.socket_of(kTcp, service, client), (Ends{server, router}));
  EXPECT_FALSE(translations.socket_of(kTcp, end(9, 50'001), server));
}

TEST_F(TranslationsTest, OtherProtocolsAndPortsAreOthers) {
  translations.note(entry);
  EXPECT_FALSE(translations.of_socket(Protocol::kUdp, client, service));
  EXPECT_FALSE(translations.of_socket(kTcp, end(1, 40'001), service));
}

TEST_F(TranslationsTest, WhatIsNotTranslatedIsNotKept) {
  translations.note({kTcp, {client, server}, {server, client}});
  EXPECT_EQ(translations.size(), 0u);
}

TEST_F(TranslationsTest, EndedItIsForgotten) {
  translations.note(entry);
  translations.forget(entry);
  EXPECT_EQ(translations.size(), 0u);
  EXPECT_FALSE(translations.of_socket(kTcp, client, service));
}

TEST_F(TranslationsTest, TheNextWithTheSameEndsTakesItsPlace) {
  translations.note(entry);
  translations.note({kTcp, {client, service}, {end(3, 6443), router}});
  EXPECT_EQ(translations.of_socket(kTcp, client, service)->remote, end(3, 6443));
  EXPECT_FALSE(translations.of_socket(kTcp, server, router));
  EXPECT_EQ(translations.size(), 1u);
  // Now without translation: the old entry must not be used.
  translations.note({kTcp, {client, service}, {service, client}});
  EXPECT_FALSE(translations.of_socket(kTcp, client, service));
  EXPECT_EQ(translations.size(), 0u);
}

TEST_F(TranslationsTest, BeyondTheirNumberOthersGoAndAreCounted) {
  for (std::size_t i = 0; i < Translations::kMost + 3; ++i) {
    const auto port = static_cast<std::uint16_t>(i);
    const auto group = static_cast<std::uint8_t>(i >> 16);
    translations.note({kTcp, {end(group, port), service}, {server, end(group, port)}});
  }
  EXPECT_EQ(translations.size(), Translations::kMost);
  EXPECT_EQ(translations.lost(), 3u);
  const std::size_t last = Translations::kMost + 2;
  EXPECT_TRUE(translations.of_socket(
      kTcp, end(static_cast<std::uint8_t>(last >> 16), static_cast<std::uint16_t>(last)), service));
}

}  // namespace
}  // namespace sockscope
