// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sockscope {

// Maps socket cookies to slot numbers. Open addressing with linear probing and backward-shift
// deletion, so that it allocates only when it grows and does not become slower with use. Cookie 0
// cannot be stored.
class CookieIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  CookieIndex() : cells_(kSmallest) {}

  std::uint32_t find(std::uint64_t cookie) const noexcept {
    for (std::size_t i = home(cookie);; i = next(i)) {
      if (cells_[i].cookie == cookie) return cells_[i].slot;
      if (cells_[i].cookie == 0) return kNone;
    }
  }

  // The cookie must not be stored yet.
  void insert(std::uint64_t cookie, std::uint32_t slot) {
    if ((size_ + 1) * 4 > cells_.size() * 3) grow();
    place(cookie, slot);
    ++size_;
  }

  // Does nothing when the cookie is not stored.
  void erase(std::uint64_t cookie) noexcept {
    std::size_t hole = home(cookie);
    while (cells_[hole].cookie != cookie) {
      if (cells_[hole].cookie == 0) return;
      hole = next(hole);
    }
    for (std::size_t i = next(hole); cells_[i].cookie != 0; i = next(i)) {
      const std::size_t wanted = home(cells_[i].cookie);
      if (((i - wanted) & mask()) >= ((i - hole) & mask())) {
        cells_[hole] = cells_[i];
        hole = i;
      }
    }
    cells_[hole] = {};
    --size_;
  }

  std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kSmallest = 64;

  struct Cell {
    std::uint64_t cookie = 0;
    std::uint32_t slot = 0;
  };

  std::size_t mask() const noexcept { return cells_.size() - 1; }
  std::size_t next(std::size_t i) const noexcept { return (i + 1) & mask(); }
  std::size_t home(std::uint64_t cookie) const noexcept {
    return static_cast<std::size_t>((cookie * 0x9e3779b97f4a7c15u) >> 32) & mask();
  }

  void place(std::uint64_t cookie, std::uint32_t slot) noexcept {
    std::size_t i = home(cookie);
    while (cells_[i].cookie != 0) i = next(i);
    cells_[i] = {cookie, slot};
  }

  void grow() {
    std::vector<Cell> old(cells_.size() * 2);
    old.swap(cells_);
    for (const Cell& cell : old)
      if (cell.cookie != 0) place(cell.cookie, cell.slot);
  }

  std::vector<Cell> cells_;
  std::size_t size_ = 0;
};

}  // namespace sockscope
