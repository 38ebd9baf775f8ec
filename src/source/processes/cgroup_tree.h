// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sockscope {

// The existing cgroups (v2), by the paths that /proc/PID/cgroup has here. In a cgroup namespace
// these paths start at the cgroup that the namespace was made in, while a mount from outside of it
// shows all cgroups.
class CgroupTree {
 public:
  // root: put before all paths, for tests.
  CgroupTree(const std::string& root, const std::string& proc);

  // The inode of the cgroup's directory; 0: there is none.
  std::uint64_t number_of(const std::string& path) const;

  // Calls `handle` for each cgroup until it returns false.
  using Handle = std::function<bool(std::uint64_t number, const std::string& path)>;
  void for_each(const Handle& handle) const;

 private:
  bool visit(const std::string& path, int depth, const Handle& handle) const;
  std::string folder_of(const std::string& pid) const;

  std::string top_;       // the mount's folder; "": there is none
  std::string own_root_;  // the namespace's root, below top_; "": the same
};

}  // namespace sockscope
