// SPDX-License-Identifier: Apache-2.0
// SQLite, with errors as values.
#pragma once

#include <sockscope/error.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace sockscope::store {

// A prepared statement, for use again and again. Belongs to its Database, which must live longer.
class Statement {
 public:
  // The next parameter after the one bound before; the first one after run() or reset(). Texts and
  // blobs must live until then.
  void bind(std::int64_t number) noexcept;
  void bind(std::uint64_t number) noexcept { bind(static_cast<std::int64_t>(number)); }
  void bind(std::uint32_t number) noexcept { bind(std::int64_t{number}); }
  void bind(int number) noexcept { bind(std::int64_t{number}); }
  void bind(std::string_view text) noexcept;
  void bind_blob(std::span<const std::uint8_t> bytes) noexcept;
  void bind_null() noexcept;
  template <class T>
  void bind(const std::optional<T>& value) noexcept {
    value ? bind(*value) : bind_null();
  }
  // 0 and "" mean: not known.
  void bind_known(std::uint64_t number) noexcept { number == 0 ? bind_null() : bind(number); }
  void bind_known(std::string_view text) noexcept { text.empty() ? bind_null() : bind(text); }
  template <class... Values>
  void bind_all(const Values&... values) noexcept {
    (bind(values), ...);
  }

  // Runs a statement without results, and makes it ready for the next parameters.
  Result<void> run();
  // True: there is a row, whose columns can be read until the next call. After the last row the
  // statement is ready for new parameters.
  Result<bool> next();
  void reset() noexcept;

  bool is_null(int column) const noexcept;
  std::int64_t number(int column) const noexcept;  // 0: null
  std::string text(int column) const;
  std::span<const std::uint8_t> blob(int column) const noexcept;

 private:
  friend class Database;
  struct Finish {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  std::unique_ptr<sqlite3_stmt, Finish> statement_;
  int bound_ = 0;
};

class Database {
 public:
  enum class Access { kRead, kWrite };  // kWrite makes the file if there is none

  // Errors: kIo.
  static Result<Database> open(const std::string& path, Access access);

  // Any number of statements, without parameters and results.
  Result<void> run(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  // The first column of the first row; empty: there is none, or it is null.
  Result<std::optional<std::int64_t>> number(std::string_view sql);
  std::int64_t last_row() const noexcept;
  const std::string& path() const noexcept { return path_; }
  // Whether the latest error says that the file is damaged, or is no database.
  static bool is_damage(const Error& error) noexcept;
  // Whether it says that another connection uses the file.
  static bool is_in_use(const Error& error) noexcept;

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

}  // namespace sockscope::store
