// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sockscope {

// RFC 3339 in UTC with nanoseconds: "2026-11-20T23:54:50.123456789Z". Keeps the text of the last
// second, because many events fall into the same second.
class Rfc3339 {
 public:
  // The text is valid until the next call.
  std::string_view operator()(std::uint64_t wall_ns);

 private:
  std::uint64_t second_ = ~std::uint64_t{0};
  char text_[32] = "";
};

// "14:03:22.118", local time.
std::string time_of_day(std::uint64_t wall_ns);
// The name of local time at that moment: "UTC", "CEST", "+0530". Contains only letters, digits and
// signs.
std::string time_zone(std::uint64_t wall_ns);

}  // namespace sockscope
