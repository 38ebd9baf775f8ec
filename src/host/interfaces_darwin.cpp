// SPDX-License-Identifier: Apache-2.0
// Neither built nor run where sockscope is developed: docs/platforms.md.
#include <net/route.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include <cerrno>

#include "decode/iflist2.h"
#include "host/interfaces.h"

namespace sockscope {

struct InterfaceSource::Impl {
  std::vector<std::byte> buffer;
};

InterfaceSource::InterfaceSource(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
InterfaceSource::InterfaceSource(InterfaceSource&&) noexcept = default;
InterfaceSource& InterfaceSource::operator=(InterfaceSource&&) noexcept = default;
InterfaceSource::~InterfaceSource() = default;

Result<InterfaceSource> InterfaceSource::open() {
  return InterfaceSource(std::make_unique<Impl>());
}

Result<std::vector<Interface>> InterfaceSource::read() {
  int name[6] = {CTL_NET, AF_ROUTE, 0, 0, NET_RT_IFLIST2, 0};
  constexpr int kTries = 5;  // the list may grow between the question for its size and the one for
                             // its contents
  for (int i = 0; i < kTries; ++i) {
    std::size_t size = 0;
    if (::sysctl(name, 6, nullptr, &size, nullptr, 0) != 0) break;
    impl_->buffer.resize(size);
    if (::sysctl(name, 6, impl_->buffer.data(), &size, nullptr, 0) == 0)
      return parse_iflist2(std::span<const std::byte>(impl_->buffer).first(size));
    if (errno != ENOMEM) break;
  }
  return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "list the interfaces"));
}

Result<std::optional<Gateway>> InterfaceSource::default_gateway() {
  return std::nullopt;
}

}  // namespace sockscope
