// SPDX-License-Identifier: Apache-2.0
#include "pipeline/waker.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <cerrno>

namespace sockscope {
namespace {

Error failure() {
  return Error::from_errno(ErrorKind::kIo, errno, "make a pollable file");
}

int control(int epoll, int operation, int file, std::uint32_t events) noexcept {
  epoll_event event{};
  event.events = events;
  return ::epoll_ctl(epoll, operation, file, &event);
}

}  // namespace

Result<void> Waker::open() {
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!epoll_ || !timer_) return tl::make_unexpected(failure());
  return add(timer_.get());
}

Result<void> Waker::add(int file) {
  if (file >= 0 && control(epoll_.get(), EPOLL_CTL_ADD, file, EPOLLIN) != 0)
    return tl::make_unexpected(failure());
  return {};
}

void Waker::listen_to(int file, bool wanted) noexcept {
  control(epoll_.get(), EPOLL_CTL_MOD, file, wanted ? static_cast<std::uint32_t>(EPOLLIN) : 0u);
}

void Waker::wake_after(std::uint64_t ns) noexcept {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(ns / kSecond);
  when.it_value.tv_nsec = static_cast<long>(ns % kSecond);
  ::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

}  // namespace sockscope
