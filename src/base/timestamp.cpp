// SPDX-License-Identifier: Apache-2.0
#include "base/timestamp.h"

#include <fmt/format.h>
#include <time.h>

#include <cstring>

namespace sockscope {
namespace {
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::size_t kPoint = 19;  // "2026-11-20T23:54:50"
}  // namespace

std::string_view Rfc3339::operator()(std::uint64_t wall_ns) {
  const std::uint64_t second = wall_ns / kSecond;
  if (second != second_) {
    const auto time = static_cast<time_t>(second);
    tm parts{};
    ::gmtime_r(&time, &parts);
    ::strftime(text_, sizeof text_, "%Y-%m-%dT%H:%M:%S.000000000Z", &parts);
    second_ = second;
  }
  std::uint64_t rest = wall_ns % kSecond;
  for (std::size_t i = kPoint + 9; i > kPoint; --i) {
    text_[i] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  }
  return text_;
}

std::string time_of_day(std::uint64_t wall_ns) {
  const auto time = static_cast<time_t>(wall_ns / kSecond);
  tm parts{};
  ::localtime_r(&time, &parts);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", parts.tm_hour, parts.tm_min, parts.tm_sec,
                     wall_ns / 1'000'000 % 1000);
}

std::string time_zone(std::uint64_t wall_ns) {
  const auto time = static_cast<time_t>(wall_ns / kSecond);
  tm parts{};
  ::localtime_r(&time, &parts);
  char text[8] = "";
  std::string zone(text, ::strftime(text, sizeof text, "%Z", &parts));
  std::erase_if(zone, [](char c) {
    const bool is_letter = (c | 32) >= 'a' && (c | 32) <= 'z';
    return !is_letter && !(c >= '0' && c <= '9') && c != '+' && c != '-';
  });
  return zone;
}

}  // namespace sockscope
