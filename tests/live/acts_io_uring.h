// SPDX-License-Identifier: Apache-2.0
// The least possible use of io_uring: one operation at a time, waited for.
#pragma once

#include <linux/io_uring.h>

#include <cstddef>

#include "live_support.h"

namespace sockscope::live {

class IoUring {
 public:
  explicit IoUring(std::uint32_t setup_flags = 0);
  ~IoUring();
  IoUring(const IoUring&) = delete;
  IoUring& operator=(const IoUring&) = delete;

  // Returns the operation's result: a negative errno when it failed.
  int run(const io_uring_sqe& operation);

 private:
  std::uint32_t* field(std::uint32_t offset) const;

  io_uring_params params_{};
  Fd fd_;
  std::byte* rings_ = nullptr;
  std::size_t rings_size_ = 0;
  io_uring_sqe* entries_ = nullptr;
};

io_uring_sqe uring_send(int fd, const std::vector<char>& bytes);
io_uring_sqe uring_receive(int fd, std::vector<char>& buffer);
io_uring_sqe uring_accept(int listener);

}  // namespace sockscope::live
