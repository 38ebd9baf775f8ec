// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/ring_reader.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sockscope {

Result<RingReader> RingReader::open(int map_fd, std::size_t size) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  RingReader reader;
  reader.size_ = size;
  reader.consumer_page_ = Mapping(map_fd, page, PROT_READ | PROT_WRITE, 0);
  if (reader.consumer_page_)
    reader.producer_page_and_data_ =
        Mapping(map_fd, page + size, PROT_READ, static_cast<off_t>(page));
  if (!reader.producer_page_and_data_)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "map the ring buffer"));
  reader.consumer_ = reinterpret_cast<std::uint64_t*>(reader.consumer_page_.data());
  reader.producer_ = reinterpret_cast<std::uint64_t*>(reader.producer_page_and_data_.data());
  reader.data_ = reader.producer_page_and_data_.data() + page;
  return reader;
}

std::span<const std::byte> RingReader::contiguous(std::size_t offset, std::size_t length) {
  if (offset + length <= size_) return {data_ + offset, length};
  const std::size_t first = size_ - offset;
  wrapped_.resize(length);
  std::memcpy(wrapped_.data(), data_ + offset, first);
  std::memcpy(wrapped_.data() + first, data_, length - first);
  return wrapped_;
}

}  // namespace sockscope
