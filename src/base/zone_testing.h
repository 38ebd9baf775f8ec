// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>

namespace sockscope {

// Sets the time zone of the whole process as long as it lives, so no other thread may run. Rules
// such as "CET-1CEST,M3.5.0,M10.5.0/3" need no files of the host.
class ZoneForTest {
 public:
  explicit ZoneForTest(const char* zone) {
    if (const char* before = ::getenv("TZ")) before_ = before;
    set(zone);
  }
  ~ZoneForTest() { set(before_ ? before_->c_str() : nullptr); }
  ZoneForTest(const ZoneForTest&) = delete;
  ZoneForTest& operator=(const ZoneForTest&) = delete;

 private:
  static void set(const char* zone) {
    if (zone == nullptr)
      ::unsetenv("TZ");
    else
      ::setenv("TZ", zone, 1);
    ::tzset();
  }

  std::optional<std::string> before_;
};

}  // namespace sockscope
