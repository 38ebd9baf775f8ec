// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/libbpf_log.h"

#include <bpf/libbpf.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>

namespace sockscope {
namespace {

thread_local std::string* current = nullptr;

// libbpf has one print function for the whole process. Ours is installed while at least one log
// exists; threads without a log are passed on to the one that was installed before.
std::mutex mutex;
int logs = 0;
std::atomic<libbpf_print_fn_t> outside = nullptr;

int keep(libbpf_print_level level, const char* format, va_list arguments) {
  if (!current) {
    const libbpf_print_fn_t print = outside;
    return print ? print(level, format, arguments) : 0;
  }
  if (level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  const std::size_t before = current->size();
  current->resize(before + static_cast<std::size_t>(length) + 1);
  std::vsnprintf(current->data() + before, static_cast<std::size_t>(length) + 1, format, arguments);
  current->pop_back();
  return 0;
}

}  // namespace

LibbpfLog::LibbpfLog() : outer_(current) {
  current = &text_;
  const std::lock_guard lock(mutex);
  if (logs++ == 0) outside = libbpf_set_print(keep);
}

LibbpfLog::~LibbpfLog() {
  current = outer_;
  const std::lock_guard lock(mutex);
  if (--logs == 0) libbpf_set_print(outside);
}

std::string LibbpfLog::refused_program() const {
  constexpr std::string_view kBefore = "prog '";
  constexpr std::string_view kAfter = "': failed to load: ";
  const std::size_t end = text_.rfind(kAfter);
  if (end == std::string::npos) return {};
  const std::size_t begin = text_.rfind(kBefore, end);
  if (begin == std::string::npos) return {};
  return text_.substr(begin + kBefore.size(), end - begin - kBefore.size());
}

std::string LibbpfLog::objection() const {
  const std::size_t end = text_.rfind("\nprocessed ");
  if (end == std::string::npos || end == 0) return {};
  const std::size_t before = text_.rfind('\n', end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  const std::string line = text_.substr(begin, end - begin);
  return line.find("BEGIN PROG LOAD LOG") == std::string::npos ? line : std::string();
}

std::string LibbpfLog::last_lines(int count) const {
  std::size_t begin = text_.size();
  while (begin > 0 && count > 0) {
    const std::size_t newline = text_.rfind('\n', begin - (begin > 1 ? 2 : 1));
    begin = newline == std::string::npos ? 0 : newline + 1;
    --count;
  }
  std::string lines = text_.substr(begin);
  while (!lines.empty() && lines.back() == '\n') lines.pop_back();
  return lines;
}

}  // namespace sockscope
