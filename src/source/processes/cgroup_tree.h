// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sockscope {

// The cgroups (v2) there are, by the paths that /proc/PID/cgroup has here: in a cgroup namespace
// those are below, and beside, the cgroup that the namespace was made in, while a mount from
// outside it shows all.
class CgroupTree {
 public:
  // root: before all paths, for tests.
  CgroupTree(const std::string& root, const std::string& proc);

  // The inode of its directory; 0: there is none.
  std::uint64_t number_of(const std::string& path) const;

  // Until it answers false.
  using Handle = std::function<bool(std::uint64_t number, const std::string& path)>;
  void for_each(const Handle& handle) const;

 private:
  bool visit(const std::string& path, int depth, const Handle& handle) const;
  std::string folder_of(const std::string& pid) const;

  std::string top_;       // the mount's folder; "": there is none
  std::string own_root_;  // of the namespace, below it; "": the same
};

}  // namespace sockscope
