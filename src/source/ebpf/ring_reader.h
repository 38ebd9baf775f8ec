// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mmap.h"

namespace sockscope {

// The consumer's end of a BPF ring buffer. libbpf's own reader maps all of the data, twice in a
// row; for a ring that is large enough to outlive a stall, that is more resident memory than all
// the rest. This one maps a window of it at a time. Because the kernel repeats the data after its
// end, a record that wraps around is still in one piece.
class RingReader {
 public:
  // map_fd: a BPF_MAP_TYPE_RINGBUF of `size` bytes; not owned, must stay open.
  static Result<RingReader> open(int map_fd, std::size_t size);

  // Calls handle(std::span<const std::byte>) for each record that was there when drain() was
  // called; the bytes are valid during the call. Returns the space to the kernel as it proceeds.
  // Returns the number of records.
  template <class Handle>
  std::size_t drain(Handle&& handle);

  // Whether drain() has not yet handed over all reserved records, finished or not.
  bool has_pending() const noexcept { return load(producer_) != load(consumer_); }

 private:
  static constexpr std::uint32_t kBusy = 1u << 31;
  static constexpr std::uint32_t kDiscarded = 1u << 30;
  static constexpr std::size_t kHeader = 8;
  static constexpr std::size_t kWindow = std::size_t{512} << 10;
  static constexpr std::size_t kLargestRecord = std::size_t{64} << 10;

  static std::uint64_t load(const std::uint64_t* position) noexcept {
    return __atomic_load_n(position, __ATOMIC_ACQUIRE);
  }
  // The record at this offset of the data; nullptr when its window cannot be mapped.
  const std::byte* at(std::size_t offset) noexcept {
    if (offset - window_begin_ >= window_size_ && !move_window(offset)) return nullptr;
    return window_.data() + (offset - window_begin_);
  }
  bool move_window(std::size_t offset) noexcept;

  int map_fd_ = -1;
  std::size_t size_ = 0;
  std::size_t page_ = 0;
  Mapping consumer_page_;
  Mapping producer_page_;
  Mapping window_;
  std::uint64_t* consumer_ = nullptr;
  const std::uint64_t* producer_ = nullptr;
  std::size_t window_begin_ = 0;
  std::size_t window_size_ = 0;
};

template <class Handle>
std::size_t RingReader::drain(Handle&& handle) {
  std::size_t count = 0;
  std::uint64_t position = *consumer_;
  // Records that arrive meanwhile are left for the next call; otherwise on a busy host this would
  // never return.
  const std::uint64_t end = load(producer_);
  while (position < end) {
    const std::byte* record = at(position & (size_ - 1));
    if (!record) return count;
    const std::uint32_t length_and_flags =
        __atomic_load_n(reinterpret_cast<const std::uint32_t*>(record), __ATOMIC_ACQUIRE);
    if (length_and_flags & kBusy) return count;  // not yet written completely
    const std::size_t length = length_and_flags & ~(kBusy | kDiscarded);
    if (!(length_and_flags & kDiscarded)) {
      handle(std::span<const std::byte>(record + kHeader, length));
      ++count;
    }
    position += (length + kHeader + 7) & ~std::uint64_t{7};
    __atomic_store_n(consumer_, position, __ATOMIC_RELEASE);
  }
  return count;
}

}  // namespace sockscope
