// SPDX-License-Identifier: Apache-2.0
// The folder with the files of a history.
#pragma once

#include <sockscope/error.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"

namespace sockscope::store {

struct StoredFile {
  std::string path;
  std::uint64_t bytes = 0;  // with the log beside it
  std::uint64_t log_bytes = 0;
  std::uint64_t changed_ns = 0;  // Unix time
  bool has_log = false;          // it is being written, or its recorder was killed
};

// All files of a history, oldest first. `path`: a folder, or one file. Errors: kIo, also when there
// are none.
Result<std::vector<StoredFile>> stored_files(const std::string& path);

// The folder of a recorder, which no other recorder uses as long as this exists.
class Folder {
 public:
  // Follows the name of a file that is not yet a history.
  static constexpr const char* kUnfinished = ".new";

  // Makes the folder, only for its owner and group, if there is none. Files that an earlier
  // recorder left unfinished are completed; damaged ones are set aside as NAME.damaged, and listed
  // in `damaged`. Errors: kIo; kInvalidArgument when another recorder uses it.
  static Result<Folder> open(const std::string& path);

  // For a file that begins now.
  std::string new_path(std::uint64_t wall_ns) const;
  // Removes the oldest files but `current`, until all together have at most `most_bytes`, and those
  // whose last change was before `oldest_ns`. Returns how many bytes there are now.
  std::uint64_t keep_within(std::uint64_t most_bytes, std::uint64_t oldest_ns,
                            const std::string& current) const;
  // Bytes that are free for this user, above a floor that is left to others: 1 GiB, or a twentieth
  // of a disk smaller than 20 GiB. 0: the floor is reached.
  std::uint64_t free_bytes() const;
  const std::string& path() const noexcept { return path_; }
  const std::vector<std::string>& damaged() const noexcept { return damaged_; }

 private:
  void complete_files();

  std::string path_;
  Fd lock_;
  std::vector<std::string> damaged_;
};

// "/var/lib/sockscope" for root, else the XDG state directory.
std::string default_folder();

}  // namespace sockscope::store
