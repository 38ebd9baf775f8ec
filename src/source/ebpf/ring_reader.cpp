// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/ring_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sockscope {

// The file of a ring buffer contains the consumer's page, the producer's page, the data, and the
// data again.
Result<RingReader> RingReader::open(int map_fd, std::size_t size) {
  RingReader reader;
  reader.map_fd_ = map_fd;
  reader.size_ = size;
  reader.page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto page = static_cast<off_t>(reader.page_);
  reader.consumer_page_ = Mapping(map_fd, reader.page_, PROT_READ | PROT_WRITE, 0);
  if (reader.consumer_page_) reader.producer_page_ = Mapping(map_fd, reader.page_, PROT_READ, page);
  if (!reader.producer_page_ || !reader.move_window(0))
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "map the ring buffer"));
  reader.consumer_ = reinterpret_cast<std::uint64_t*>(reader.consumer_page_.data());
  reader.producer_ = reinterpret_cast<std::uint64_t*>(reader.producer_page_.data());
  return reader;
}

bool RingReader::move_window(std::size_t offset) noexcept {
  window_size_ = std::min(kWindow, size_);
  window_begin_ = offset & ~(window_size_ - 1);
  const std::size_t beyond = std::min(kLargestRecord, size_);
  window_ = {};
  window_ = Mapping(map_fd_, window_size_ + beyond, PROT_READ,
                    static_cast<off_t>(2 * page_ + window_begin_));
  if (!window_) window_size_ = 0;
  return static_cast<bool>(window_);
}

}  // namespace sockscope
