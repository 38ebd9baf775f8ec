// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fd.h"
#include "wire/control.h"

namespace sockscope {
namespace {

// While it exists, our programs know that this thread does not use the sockets whose files it
// holds. Threads of a real-time scheduling class have no timer slack and cannot be marked.
class FilePass {
 public:
  FilePass() {
    if (before_ >= 0) ::prctl(PR_SET_TIMERSLACK, WIRE_PASS_TIMER_SLACK_NS);
  }
  ~FilePass() {
    if (before_ >= 0) ::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(before_));
  }
  FilePass(const FilePass&) = delete;
  FilePass& operator=(const FilePass&) = delete;

 private:
  // Negative: a filter of system calls refuses the question. Restoring a negative value would set a
  // huge slack, with which waits never end.
  const int before_ = ::prctl(PR_GET_TIMERSLACK);
};

}  // namespace

Result<void> read_iterator(const bpf_link* link,
                           const std::function<void(std::span<const std::byte>)>& handle) {
  const Fd iterator(bpf_iter_create(bpf_link__fd(link)));
  if (!iterator)
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kIo, errno, "start a pass over the sockets"));
  const FilePass marked;
  // The kernel collects whole records in a buffer of 32 KiB and returns as many as fit into ours.
  alignas(8) std::array<std::byte, 64 << 10> buffer;
  for (;;) {
    const ssize_t count = ::read(iterator.get(), buffer.data(), buffer.size());
    if (count > 0)
      handle({buffer.data(), static_cast<std::size_t>(count)});
    else if (count == 0)
      return {};
    else if (errno != EAGAIN && errno != EINTR)  // EAGAIN: many sockets in a row made no record
      return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "read the sockets"));
  }
}

}  // namespace sockscope
