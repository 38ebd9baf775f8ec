// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "store/database.h"
#include "store/rows.h"

namespace sockscope::store {

// Who records: the same in every file of a run.
struct Recording {
  std::string host;
  std::string boot_id;
  std::string program;  // "sockscope 0.1.0"
  Source source = Source::kEbpf;
  std::uint64_t interval_ns = 0;
  bool with_arguments = false;  // of processes
};

// A file that is being written. Rows become durable together, with commit().
class HourFile {
 public:
  static Result<HourFile> create(const std::string& path, const Recording& recording,
                                 const row::File& begin);

  Result<void> write(const row::Any& row);
  Result<void> commit();
  // Makes the file complete and takes its log in. An error is told after everything was tried.
  Result<void> close(std::uint64_t mono_ns);
  const std::string& path() const noexcept { return database_.path(); }

 private:
  static Result<void> make(const std::string& path, const Recording& recording,
                           const row::File& begin);
  struct Statements {
    Statement flow, before, delta, total, failure, gap, sample, process, describe, address,
        find_address, name, find_name, clock;
  };
  HourFile(Database database, Statements statements, bool with_arguments)
      : database_(std::move(database)),
        statements_(std::move(statements)),
        with_arguments_(with_arguments) {}

  Result<void> begin();
  Result<void> write_row(const row::Flow& row);
  Result<void> write_row(const row::Delta& row);
  Result<void> write_row(const row::Total& row);
  Result<void> write_row(const row::Failure& row);
  Result<void> write_row(const row::Gap& row);
  Result<void> write_row(const row::Sample& row);
  Result<void> write_row(const row::File&) { return {}; }
  // These return the number of the row in its dictionary; empty: there is nothing to refer to.
  Result<std::optional<std::int64_t>> process(const Owner& owner);
  Result<std::optional<std::int64_t>> address(const Address& address);
  Result<std::optional<std::int64_t>> name(const RemoteName* name);
  Result<std::optional<std::int64_t>> entry(std::unordered_map<std::string, std::int64_t>& known,
                                            const std::string& key, Statement& insert,
                                            Statement& find);

  Database database_;
  Statements statements_;
  bool with_arguments_;
  bool is_begun_ = false;
  std::int64_t clock_offset_ = 0;
  struct KnownProcess {
    std::int64_t id = 0;
    bool is_described = false;
  };
  // What the dictionaries hold, as far as it was used lately.
  std::unordered_map<std::string, KnownProcess> processes_;
  std::unordered_map<std::string, std::int64_t> addresses_;
  std::unordered_map<std::string, std::int64_t> names_;
};

}  // namespace sockscope::store
