// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sockscope/error.h>

#include "base/mmap.h"

namespace sockscope {

// The consumer's end of a BPF ring buffer. libbpf's own maps the data twice, to have records that
// wrap around in one piece: twice the resident memory, which for us is most of it. This one maps it
// once and copies the rare record that wraps.
class RingReader {
 public:
  // map_fd: a BPF_MAP_TYPE_RINGBUF of `size` bytes; not owned, used here only.
  static Result<RingReader> open(int map_fd, std::size_t size);

  // Calls handle(std::span<const std::byte>) for each record that is there; the bytes are valid
  // during the call. Gives the space back to the kernel as it goes. Returns how many.
  template <class Handle>
  std::size_t drain(Handle&& handle);

  // Something was reserved that drain() has not handed over yet, finished or not.
  bool has_pending() const noexcept { return load(producer_) != load(consumer_); }

 private:
  static constexpr std::uint32_t kBusy = 1u << 31;
  static constexpr std::uint32_t kDiscarded = 1u << 30;
  static constexpr std::size_t kHeader = 8;

  static std::uint64_t load(const std::uint64_t* position) noexcept {
    return __atomic_load_n(position, __ATOMIC_ACQUIRE);
  }
  std::span<const std::byte> contiguous(std::size_t offset, std::size_t length);

  Mapping consumer_page_;
  Mapping producer_page_and_data_;
  std::uint64_t* consumer_ = nullptr;
  const std::uint64_t* producer_ = nullptr;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::vector<std::byte> wrapped_;
};

template <class Handle>
std::size_t RingReader::drain(Handle&& handle) {
  std::size_t count = 0;
  std::uint64_t position = *consumer_;
  for (;;) {
    const std::uint64_t end = load(producer_);
    if (position >= end) break;
    while (position < end) {
      const std::size_t offset = position & (size_ - 1);
      const auto* header = reinterpret_cast<const std::uint32_t*>(data_ + offset);
      const std::uint32_t length_and_flags = __atomic_load_n(header, __ATOMIC_ACQUIRE);
      if (length_and_flags & kBusy) return count;  // still being written: later
      const std::size_t length = length_and_flags & ~(kBusy | kDiscarded);
      if (!(length_and_flags & kDiscarded)) {
        handle(contiguous((offset + kHeader) & (size_ - 1), length));
        ++count;
      }
      position += (length + kHeader + 7) & ~std::uint64_t{7};
      __atomic_store_n(consumer_, position, __ATOMIC_RELEASE);
    }
  }
  return count;
}

}  // namespace sockscope
