// SPDX-License-Identifier: Apache-2.0
#include "store/writer.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "base/clock.h"

namespace sockscope::store {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// A file is at most this part of the whole, so that the whole can be kept within its limit.
constexpr std::uint64_t kFilesAtLeast = 16;

std::uint64_t moment_of(Key key) {
  return static_cast<std::uint64_t>(key / kKeysPerMs) * 1'000'000;
}

// When the row was made; 0: it does not say.
std::uint64_t moment_of(const row::Any& row) {
  return std::visit(
      [](const auto& each) -> std::uint64_t {
        if constexpr (requires { each.mono_ns; })
          return each.mono_ns;
        else if constexpr (requires { each.key; })
          return moment_of(each.key);
        else
          return 0;
      },
      row);
}

}  // namespace

Writer::Writer(Folder folder, Recording recording, Limits limits)
    : folder_(std::move(folder)),
      recording_(std::move(recording)),
      limits_(limits),
      thread_([this] { run(); }) {}

Writer::~Writer() {
  if (thread_.joinable()) finish(mono_now_ns());
}

void Writer::write(Batch rows) {
  if (rows.empty()) return;
  const std::lock_guard lock(mutex_);
  if (is_broken_ || waiting_rows_ + rows.size() > kMostWaiting) {
    const auto begins = std::find_if(rows.begin(), rows.end(), [](const row::Any& row) {
      return std::holds_alternative<row::File>(row);
    });
    const bool fits = waiting_rows_ < kMostWaiting / 2;
    const auto kept = fits ? begins : rows.end();
    const auto dropped = static_cast<std::uint64_t>(kept - rows.begin());
    overflow_ += dropped;
    status_.dropped += dropped;
    rows.erase(rows.begin(), kept);
    is_broken_ = rows.empty();
    wants_file_ |= is_broken_;
    if (rows.empty()) return;
  }
  waiting_rows_ += rows.size();
  waiting_.push_back(std::move(rows));
  wakes_.notify_one();
}

bool Writer::wants_file() {
  const std::lock_guard lock(mutex_);
  return std::exchange(wants_file_, false);
}

Writer::Status Writer::status() {
  const std::lock_guard lock(mutex_);
  return status_;
}

Writer::Status Writer::finish(std::uint64_t mono_ns) {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    wakes_.notify_one();
  }
  thread_.join();
  if (file_)
    if (auto done = file_->close(mono_ns); !done) drop(done.error(), 0);
  return status_;
}

void Writer::run() {
  for (;;) {
    std::vector<Batch> batches;
    {
      std::unique_lock lock(mutex_);
      wakes_.wait(lock, [this] { return is_over_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      batches.swap(waiting_);
    }
    for (Batch& batch : batches) {
      const std::size_t rows = batch.size();
      write_rows(batch);
      tidy(rows);
    }
  }
}

void Writer::write_rows(Batch& rows) {
  std::size_t written = 0;
  std::size_t homeless = 0;  // rows without a file to go to
  Result<void> done;
  if (folder_.free_bytes() == 0)
    done = tl::make_unexpected(Error(ErrorKind::kIo, {ENOSPC, std::system_category()},
                                     "write below the space that is left to others"));
  for (; done && written < rows.size(); ++written) {
    if (!file_ && !std::holds_alternative<row::File>(rows[written])) {
      ++homeless;
      continue;
    }
    done = write_row(rows[written]);
    if (const std::uint64_t moment = moment_of(rows[written]); moment != 0) last_mono_ns_ = moment;
    if (done && written % 1000 == 999 && file_) done = file_->commit();
  }
  if (done && file_) done = file_->commit();
  // All rows since the last commit are gone, of this batch at most.
  if (!done) drop(done.error(), rows.size() - homeless);
  dropped_before_file_ += homeless;
  const std::lock_guard lock(mutex_);
  waiting_rows_ -= rows.size();
  status_.dropped += homeless;
  if (done) status_.rows += rows.size() - homeless;
}

Result<void> Writer::write_row(const row::Any& row) {
  const auto* const begin = std::get_if<row::File>(&row);
  return begin != nullptr ? begin_file(*begin) : file_->write(row);
}

Result<void> Writer::begin_file(const row::File& begin) {
  if (file_) {
    if (auto done = file_->close(begin.mono_ns); !done) return done;
    file_.reset();
  }
  auto made = HourFile::create(folder_.new_path(begin.wall_ns), recording_, begin);
  if (!made) return tl::make_unexpected(std::move(made).error());
  file_.emplace(std::move(*made));
  std::uint64_t overflow = 0;
  {
    const std::lock_guard lock(mutex_);
    overflow = std::exchange(overflow_, 0);
    status_.problem.clear();
  }
  const std::uint64_t dropped = std::exchange(dropped_before_file_, 0) + overflow;
  const auto since = std::exchange(dropped_since_ns_, std::nullopt);
  if (dropped == 0 && !since) return {};
  return file_->write(row::Gap{.key = first_key_at(begin.mono_ns),
                               .from_ns = since.value_or(last_mono_ns_),
                               .reason = reason_.empty() ? "the disk was too slow" : reason_,
                               .count = dropped});
}

// The present file is given up: what was written to it before is kept.
void Writer::drop(const Error& why, std::size_t rows) {
  if (!dropped_since_ns_) dropped_since_ns_ = last_mono_ns_;
  dropped_before_file_ += rows;
  reason_ = why.message() + (why.detail().empty() ? "" : ": " + why.detail());
  // Each attempt has a file of its own, and the same problem.
  const std::string& folder = folder_.path();
  if (const auto at = reason_.find(folder + '/'); at != reason_.npos) {
    const auto end = reason_.find_first_of(": ", at + folder.size());
    reason_.erase(at + folder.size(), end == reason_.npos ? end : end - at - folder.size());
  }
  file_.reset();
  const std::lock_guard lock(mutex_);
  status_.dropped += rows;
  status_.problem = reason_;
  is_broken_ = wants_file_ = true;
}

// Keeps the folder within its limits.
void Writer::tidy(std::size_t rows) {
  const std::uint64_t now = mono_now_ns();
  rows_since_tidied_ += rows;
  // Often enough that the folder cannot grow by a hundredth in between.
  constexpr std::uint64_t kBytesOfRow = 300;  // while it is also in the log
  if (now - tidied_ns_ < kSecond && rows_since_tidied_ * kBytesOfRow < limits_.most_bytes / 100)
    return;
  tidied_ns_ = now;
  rows_since_tidied_ = 0;
  const std::uint64_t wall = clock_ns(CLOCK_REALTIME);
  StoredFile file;
  if (file_) {
    auto files = stored_files(file_->path());
    if (files && !files->empty()) file = std::move(files->front());
    if (::access(file_->path().c_str(), F_OK) != 0)
      drop(Error(ErrorKind::kIo, {}, "write to " + folder_.path())
               .with_detail("the file that was being written is no longer there"),
           0);
  }
  const std::uint64_t oldest = wall - std::min(wall, limits_.most_age_ns);
  // Room for what comes until the next time: the log is taken into the file before it becomes
  // shorter, and as many rows come as since the last time, which are in both for a moment.
  const std::uint64_t grown = file.path == tidied_file_ && file.bytes > tidied_bytes_
                                  ? file.bytes - tidied_bytes_
                                  : file.bytes;
  tidied_file_ = file.path;
  tidied_bytes_ = file.bytes;
  const std::uint64_t room =
      std::clamp(file.log_bytes + 2 * grown, limits_.most_bytes / 8, limits_.most_bytes / 2);
  folder_.keep_within(limits_.most_bytes - room, oldest, file.path);
  const std::lock_guard lock(mutex_);
  if (file.bytes > limits_.most_bytes / kFilesAtLeast) wants_file_ = true;
}

}  // namespace sockscope::store
