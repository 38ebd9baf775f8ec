// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/folder.h"
#include "store/hour_file.h"
#include "store/rows.h"

namespace sockscope::store {

struct Limits {
  std::uint64_t most_bytes = 2'000'000'000;
  std::uint64_t most_age_ns = std::uint64_t{14} * 86'400 * 1'000'000'000;
};

// Writes rows in a thread of its own, so that a slow disk holds up nobody. What cannot be written
// is dropped and counted; then the caller must begin a new file, which lists again what is open and
// says what is missing.
class Writer {
 public:
  // How many rows wait for the disk at most, about 600 bytes each.
  static constexpr std::size_t kMostWaiting = 30'000;

  Writer(Folder folder, Recording recording, Limits limits);
  ~Writer();  // writes what is waiting
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Takes rows over, from one thread only. A file must begin with row::File.
  void write(Batch rows);
  // Whether a new file should begin: the present one is large, or rows were dropped.
  bool wants_file();

  struct Status {
    std::uint64_t rows = 0;
    std::uint64_t dropped = 0;
    std::string problem;  // why rows are dropped now; empty: they are not
  };
  Status status();
  // Ends the thread when everything is written, or cannot be. To be called at most once.
  Status finish(std::uint64_t mono_ns);

 private:
  void run();
  void write_rows(Batch& rows);
  Result<void> write_row(const row::Any& row);
  Result<void> begin_file(const row::File& begin);
  void drop(const Error& why, std::size_t rows);
  void tidy(std::size_t rows);

  const Folder folder_;
  const Recording recording_;
  const Limits limits_;
  // Only the thread's.
  std::optional<HourFile> file_;
  std::uint64_t last_mono_ns_ = 0;
  std::uint64_t tidied_ns_ = 0;
  std::uint64_t rows_since_tidied_ = 0;
  std::string tidied_file_;  // that was being written then, and its size
  std::uint64_t tidied_bytes_ = 0;
  std::optional<std::uint64_t> dropped_since_ns_;
  std::uint64_t dropped_before_file_ = 0;
  std::string reason_;

  std::mutex mutex_;  // for the rest
  std::condition_variable wakes_;
  std::vector<Batch> waiting_;
  std::size_t waiting_rows_ = 0;
  bool is_broken_ = false;  // rows are dropped until a file begins
  bool wants_file_ = false;
  bool is_over_ = false;
  std::uint64_t overflow_ = 0;  // rows that found no room, and are not yet counted by the thread
  Status status_;

  std::thread thread_;
};

}  // namespace sockscope::store
