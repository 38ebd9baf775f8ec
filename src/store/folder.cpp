// SPDX-License-Identifier: Apache-2.0
#include "store/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "store/database.h"
#include "store/schema.h"

namespace sockscope::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".scope";

std::uint64_t size_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

bool read_status(const std::string& path, StoredFile& file) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const std::uint64_t log = size_of(path + "-wal");
  file.path = path;
  file.log_bytes = log;
  file.bytes = static_cast<std::uint64_t>(status.st_size) + log + size_of(path + "-shm");
  file.changed_ns = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000u +
                    static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  file.has_log = ::access((path + "-wal").c_str(), F_OK) == 0;
  return true;
}

void remove_file(const std::string& path) {
  for (const char* part : {"", "-wal", "-shm"}) ::unlink((path + part).c_str());
}

// Takes the log that a killed recorder left into the file.
Result<void> complete(const std::string& path) {
  auto database = Database::open(path, Database::Access::kWrite);
  if (!database) return tl::make_unexpected(std::move(database).error());
  auto done = database->run("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE;");
  if (!done) return done;
  auto check = database->number("SELECT count(*) FROM info");
  if (!check) return tl::make_unexpected(std::move(check).error());
  return {};
}

}  // namespace

std::string default_folder() {
  if (::geteuid() == 0) return "/var/lib/sockscope/history";
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return std::string(state) + "/sockscope/history";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "") + "/.local/state/sockscope/history";
}

Result<std::vector<StoredFile>> stored_files(const std::string& path) {
  std::vector<StoredFile> files;
  if (StoredFile one; read_status(path, one)) return std::vector{one};
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(path, failed)) {
    StoredFile file;
    if (entry.path().extension() == kSuffix && read_status(entry.path().string(), file))
      files.push_back(std::move(file));
  }
  if (failed)
    return tl::make_unexpected(
        Error(ErrorKind::kIo, failed, "read the history in " + path)
            .with_hint("'sockscope record' makes one; --dir says where it is"));
  if (files.empty())
    return tl::make_unexpected(
        Error(ErrorKind::kIo, {}, "find a history in " + path)
            .with_hint("'sockscope record' makes one; --dir says where it is"));
  std::sort(files.begin(), files.end(),
            [](const StoredFile& a, const StoredFile& b) { return a.path < b.path; });
  return files;
}

Result<Folder> Folder::open(const std::string& path) {
  std::error_code failed;
  fs::create_directories(fs::path(path).parent_path(), failed);
  if (!failed && ::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST)
    failed = {errno, std::system_category()};
  if (failed) return tl::make_unexpected(Error(ErrorKind::kIo, failed, "make " + path));
  Folder folder;
  folder.path_ = path;
  const std::string lock = path + "/lock";
  folder.lock_ = Fd(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!folder.lock_)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "write to " + path));
  if (::flock(folder.lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return tl::make_unexpected(Error(ErrorKind::kInvalidArgument, {}, "record into " + path)
                                   .with_detail("another recorder writes there")
                                   .with_hint("end that one, or choose another --dir"));
  folder.complete_files();
  return folder;
}

void Folder::complete_files() {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path_, ignored))
    if (entry.path().extension() == kUnfinished) remove_file(entry.path().string());
  // Logs of files that somebody removed.
  for (const auto& entry : fs::directory_iterator(path_, ignored)) {
    const std::string name = entry.path().string();
    for (const std::string_view part : {".scope-wal", ".scope-shm"})
      if (name.ends_with(part) && !fs::exists(name.substr(0, name.size() - 4), ignored))
        ::unlink(name.c_str());
  }
  auto files = stored_files(path_);
  if (!files) return;
  for (const StoredFile& file : *files) {
    if (!file.has_log) continue;
    const auto done = complete(file.path);
    if (done || !Database::is_damage(done.error())) continue;
    damaged_.push_back(file.path + ".damaged");
    // With its log, from which much can be recovered.
    for (const char* part : {"", "-wal", "-shm"})
      ::rename((file.path + part).c_str(), (damaged_.back() + part).c_str());
  }
}

std::string Folder::new_path(std::uint64_t wall_ns) const {
  const auto seconds = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  ::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  const std::string name = text.data();
  std::string path = fmt::format("{}/{}{}", path_, name, kSuffix);
  for (int i = 1; ::access(path.c_str(), F_OK) == 0; ++i)
    path = fmt::format("{}/{}_{:02}{}", path_, name, i, kSuffix);  // sorted after the one before
  return path;
}

std::uint64_t Folder::keep_within(std::uint64_t most_bytes, std::uint64_t oldest_ns,
                                  const std::string& current) const {
  const auto files = stored_files(path_);
  if (!files) return 0;
  std::uint64_t sum = 0;
  for (const StoredFile& file : *files) sum += file.bytes;
  for (const StoredFile& file : *files) {
    if (file.path == current) continue;
    if (sum <= most_bytes && file.changed_ns >= oldest_ns) continue;
    remove_file(file.path);
    sum -= file.bytes;
  }
  return sum;
}

std::uint64_t Folder::free_bytes() const {
  struct statvfs disk {};
  if (::statvfs(path_.c_str(), &disk) != 0) return UINT64_MAX;  // writing says what is wrong
  const std::uint64_t block = disk.f_frsize;
  const std::uint64_t floor =
      std::min<std::uint64_t>(std::uint64_t{1} << 30, disk.f_blocks * block / 20);
  const std::uint64_t free = disk.f_bavail * block;
  return free > floor ? free - floor : 0;
}

}  // namespace sockscope::store
