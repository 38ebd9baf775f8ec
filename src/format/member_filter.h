// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rapidjson/rapidjson.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope::json {

// A writer for rows that passes on only the wanted members. Each row is written to it in full.
// "tcp_info.cwnd" is a member of an object within the row; a name without a dot stands for all of
// that member.
template <class Target>
class MemberFilter {
 public:
  MemberFilter(Target& target, const std::vector<std::string>& wanted)
      : target_(target), wanted_(wanted) {}

  bool Null() { return !is_passed() || target_.Null(); }
  bool Bool(bool value) { return !is_passed() || target_.Bool(value); }
  bool Uint64(std::uint64_t value) { return !is_passed() || target_.Uint64(value); }
  bool String(const char* text, rapidjson::SizeType size) {
    return !is_passed() || target_.String(text, size);
  }
  bool RawValue(const char* json, std::size_t size, rapidjson::Type type) {
    return !is_passed() || target_.RawValue(json, size, type);
  }
  bool Key(const char* text, rapidjson::SizeType size) {
    if (open_.empty())
      next_ = part_of({text, size});
    else
      next_ =
          open_.back() == Part::kSome ? part_of(object_ + std::string(text, size)) : open_.back();
    if (next_ == Part::kSome) object_ = std::string(text, size) + '.';
    return !is_passed() || target_.Key(text, size);
  }
  bool StartObject() {
    open();
    return !is_passed() || target_.StartObject();
  }
  bool EndObject() {
    close();
    return !is_passed() || target_.EndObject();
  }
  bool StartArray() {
    open();
    return !is_passed() || target_.StartArray();
  }
  bool EndArray() {
    close();
    return !is_passed() || target_.EndArray();
  }

 private:
  enum class Part { kNone, kSome, kAll };

  Part part_of(std::string_view path) const {
    const auto is_it = [path](std::string_view wanted) { return wanted == path; };
    const auto is_within = [path](std::string_view wanted) {
      return wanted.size() > path.size() && wanted.starts_with(path) && wanted[path.size()] == '.';
    };
    if (std::ranges::any_of(wanted_, is_it)) return Part::kAll;
    return std::ranges::any_of(wanted_, is_within) ? Part::kSome : Part::kNone;
  }
  bool is_passed() const { return next_ != Part::kNone; }
  void open() { open_.push_back(next_); }
  // The next element of an array is wanted if the array is.
  void close() {
    next_ = open_.back();
    open_.pop_back();
  }

  Target& target_;
  const std::vector<std::string>& wanted_;
  std::vector<Part> open_;  // objects and arrays within the row
  std::string object_;      // the object that is wanted in part, with a dot at the end
  Part next_ = Part::kAll;  // the next value
};

}  // namespace sockscope::json
