// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/kernel_types.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "base/mmap.h"

namespace sockscope {
namespace {

constexpr const char* kPath = "/sys/kernel/btf/vmlinux";

Error refused(int error) {
  return Error::from_errno(ErrorKind::kKernelLacksFeature, error, "read the kernel's types")
      .with_detail(std::string(kPath) + " cannot be read, or is no type information");
}

}  // namespace

Result<KernelTargets> read_kernel_targets(const std::vector<std::string>& names) {
  const Fd file(::open(kPath, O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return tl::make_unexpected(refused(errno));
  KernelTargets targets;
  for (const std::string& name : names) targets.try_emplace(name);

  const auto size = static_cast<std::size_t>(status.st_size);
  bool is_whole = false;
  if (const Mapping mapping(file.get(), size, PROT_READ, 0); mapping) {
    is_whole = find_targets({mapping.data(), size}, targets);
  } else {
    std::vector<std::byte> bytes(size);
    std::size_t count = 0;
    while (count < size) {  // the file returns at most a page per read
      const ssize_t got = ::read(file.get(), bytes.data() + count, size - count);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return tl::make_unexpected(refused(got < 0 ? errno : EIO));
      count += static_cast<std::size_t>(got);
    }
    is_whole = find_targets(bytes, targets);
  }
  if (!is_whole) return tl::make_unexpected(refused(EINVAL));
  return targets;
}

}  // namespace sockscope
