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

Result<KernelTypes> read_kernel_types(const std::vector<std::string>& targets,
                                      const TypeNames& types) {
  const Fd file(::open(kPath, O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return tl::make_unexpected(refused(errno));
  KernelTypes found;
  for (const std::string& name : targets) found.targets.try_emplace(name);

  const auto size = static_cast<std::size_t>(status.st_size);
  bool is_whole = false;
  if (const Mapping mapping(file.get(), size, PROT_READ, 0); mapping) {
    is_whole = read_types({mapping.data(), size}, types, found);
  } else {
    std::vector<std::byte> bytes(size);
    std::size_t count = 0;
    while (count < size) {  // the file returns at most a page per read
      const ssize_t got = ::read(file.get(), bytes.data() + count, size - count);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return tl::make_unexpected(refused(got < 0 ? errno : EIO));
      count += static_cast<std::size_t>(got);
    }
    is_whole = read_types(bytes, types, found);
  }
  if (!is_whole) return tl::make_unexpected(refused(EINVAL));
  return found;
}

}  // namespace sockscope
