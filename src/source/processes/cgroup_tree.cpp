// SPDX-License-Identifier: Apache-2.0
#include "source/processes/cgroup_tree.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "base/file.h"
#include "decode/procfs.h"

namespace sockscope {
namespace {

constexpr int kDeepest = 32;

struct DirectoryDeleter {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryDeleter>;

std::uint64_t inode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

bool has_line(const std::string& text, const std::string& line) {
  return ('\n' + text).find('\n' + line + '\n') != std::string::npos;
}

}  // namespace

CgroupTree::CgroupTree(const std::string& root, const std::string& proc) {
  const std::string self = root + proc + "/self/";
  const auto mount = find_cgroup2_mount(read_text((self + "mounts").c_str()));
  if (!mount) return;
  top_ = root + *mount;
  if (!find_cgroup2_root(read_text((self + "mountinfo").c_str())).starts_with("/..")) return;
  // The name of the namespace's root is known only outside of it: it is the path of this process
  // seen from outside, without the path seen from inside.
  const std::string inside =
      find_cgroup2_path(read_text((self + "cgroup").c_str())).value_or("/..");
  std::string own = folder_of(std::to_string(::getpid()));
  if (inside != "/" && own.ends_with(inside)) own.resize(own.size() - inside.size());
  if (own.empty() || inside.starts_with("/.."))
    top_.clear();
  else
    own_root_ = own;
}

// "": the process is in none of them.
std::string CgroupTree::folder_of(const std::string& pid) const {
  std::string found;
  for_each([&](std::uint64_t, const std::string& path) {
    if (has_line(read_text((top_ + path + "/cgroup.procs").c_str()), pid)) found = path;
    return found.empty();
  });
  return found;
}

std::uint64_t CgroupTree::number_of(const std::string& path) const {
  return top_.empty() ? 0 : inode_of(top_ + own_root_ + path);
}

void CgroupTree::for_each(const Handle& handle) const {
  if (!top_.empty()) visit("", 0, handle);
}

bool CgroupTree::visit(const std::string& path, int depth, const Handle& handle) const {
  const std::string folder = top_ + path;
  const std::uint64_t number = inode_of(folder);
  if (depth > kDeepest || number == 0) return true;
  if (!handle(number, relative_cgroup(path, own_root_))) return false;
  const Directory entries(::opendir(folder.c_str()));
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    if (!visit(path + '/' + entry->d_name, depth + 1, handle)) return false;
  }
  return true;
}

}  // namespace sockscope
