// SPDX-License-Identifier: Apache-2.0
// RapidJSON's own allocator does not check for failure, and would write to memory that it did not
// get.
#pragma once

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace sockscope::json {

class Allocator {
 public:
  static constexpr bool kNeedFree = true;
  void* Malloc(std::size_t size) { return size == 0 ? nullptr : checked(std::malloc(size)); }
  void* Realloc(void* old, std::size_t, std::size_t size) {
    if (size != 0) return checked(std::realloc(old, size));
    std::free(old);
    return nullptr;
  }
  static void Free(void* memory) { std::free(memory); }

 private:
  static void* checked(void* memory) {
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
};

using Text = rapidjson::UTF8<>;
using Buffer = rapidjson::GenericStringBuffer<Text, Allocator>;
template <class Stream>
using Writer = rapidjson::Writer<Stream, Text, Text, Allocator>;
template <class Stream>
using PrettyWriter = rapidjson::PrettyWriter<Stream, Text, Text, Allocator>;

}  // namespace sockscope::json

// Writes digits directly into a buffer in memory. RapidJSON does this too, but only for its own
// buffer.
template <>
inline bool sockscope::json::Writer<sockscope::json::Buffer>::WriteUint64(std::uint64_t value) {
  constexpr std::size_t kMostDigits = 20;
  char* const digits = os_->Push(kMostDigits);
  const char* const end = rapidjson::internal::u64toa(value, digits);
  os_->Pop(kMostDigits - static_cast<std::size_t>(end - digits));
  return true;
}
