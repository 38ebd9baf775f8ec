// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

namespace sockscope {

// Owns one mapping of a file descriptor's memory. Empty when the kernel refused it (errno is set).
class Mapping {
 public:
  Mapping() = default;
  Mapping(int fd, std::size_t size, int protection, off_t offset) noexcept : size_(size) {
    void* memory = ::mmap(nullptr, size, protection, MAP_SHARED, fd, offset);
    if (memory != MAP_FAILED) memory_ = memory;
  }
  Mapping(Mapping&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Mapping() {
    if (memory_) ::munmap(memory_, size_);
  }

  explicit operator bool() const noexcept { return memory_ != nullptr; }
  std::byte* data() const noexcept { return static_cast<std::byte*>(memory_); }

 private:
  void* memory_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sockscope
