// SPDX-License-Identifier: Apache-2.0
#include "acts_io_uring.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace sockscope::live {
namespace {

[[noreturn]] void fail(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

void* map(int fd, std::size_t size, std::uint64_t offset) {
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                         static_cast<off_t>(offset));
  if (address == MAP_FAILED) fail("map io_uring");
  return address;
}

}  // namespace

IoUring::IoUring(std::uint32_t setup_flags) {
  params_.flags = setup_flags;
  fd_ = Fd(static_cast<int>(::syscall(SYS_io_uring_setup, 4, &params_)));
  if (fd_.get() < 0) fail("io_uring_setup");
  rings_size_ = std::max(params_.sq_off.array + params_.sq_entries * sizeof(std::uint32_t),
                         params_.cq_off.cqes + params_.cq_entries * sizeof(io_uring_cqe));
  rings_ = static_cast<std::byte*>(map(fd_.get(), rings_size_, IORING_OFF_SQ_RING));
  entries_ = static_cast<io_uring_sqe*>(
      map(fd_.get(), params_.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES));
}

IoUring::~IoUring() {
  ::munmap(entries_, params_.sq_entries * sizeof(io_uring_sqe));
  ::munmap(rings_, rings_size_);
}

std::uint32_t* IoUring::field(std::uint32_t offset) const {
  return reinterpret_cast<std::uint32_t*>(rings_ + offset);
}

int IoUring::run(const io_uring_sqe& operation) {
  const std::uint32_t tail = *field(params_.sq_off.tail);
  const std::uint32_t slot = tail & *field(params_.sq_off.ring_mask);
  entries_[slot] = operation;
  field(params_.sq_off.array)[slot] = slot;
  __atomic_store_n(field(params_.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
  const bool polled = (params_.flags & IORING_SETUP_SQPOLL) != 0;
  const unsigned flags = IORING_ENTER_GETEVENTS | (polled ? IORING_ENTER_SQ_WAKEUP : 0u);
  if (::syscall(SYS_io_uring_enter, fd_.get(), polled ? 0 : 1, 1, flags, nullptr, 0) < 0)
    fail("io_uring_enter");
  const std::uint32_t head = *field(params_.cq_off.head);
  const auto* done = reinterpret_cast<const io_uring_cqe*>(rings_ + params_.cq_off.cqes) +
                     (head & *field(params_.cq_off.ring_mask));
  const int result = done->res;
  __atomic_store_n(field(params_.cq_off.head), head + 1, __ATOMIC_RELEASE);
  return result;
}

io_uring_sqe uring_send(int fd, const std::vector<char>& bytes) {
  io_uring_sqe entry{};
  entry.opcode = IORING_OP_SEND;
  entry.fd = fd;
  entry.addr = reinterpret_cast<std::uint64_t>(bytes.data());
  entry.len = static_cast<std::uint32_t>(bytes.size());
  return entry;
}

io_uring_sqe uring_receive(int fd, std::vector<char>& buffer) {
  io_uring_sqe entry{};
  entry.opcode = IORING_OP_RECV;
  entry.fd = fd;
  entry.addr = reinterpret_cast<std::uint64_t>(buffer.data());
  entry.len = static_cast<std::uint32_t>(buffer.size());
  return entry;
}

io_uring_sqe uring_accept(int listener) {
  io_uring_sqe entry{};
  entry.opcode = IORING_OP_ACCEPT;
  entry.fd = listener;
  return entry;
}

}  // namespace sockscope::live
