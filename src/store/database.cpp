// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <climits>
#include <utility>

namespace sockscope::store {
namespace {

// What is told about an errno-like reason of SQLite.
class SqliteCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "sqlite"; }
  std::string message(int code) const override { return ::sqlite3_errstr(code); }
};
const SqliteCategory kCategory;

Error error_of(sqlite3* database, const std::string& doing) {
  const int code = database != nullptr ? ::sqlite3_extended_errcode(database) : SQLITE_NOMEM;
  Error error(ErrorKind::kIo, {code & 0xff, kCategory}, doing);
  const char* words = database != nullptr ? ::sqlite3_errmsg(database) : nullptr;
  return words == nullptr ? std::move(error) : std::move(error).with_detail(words);
}

std::string path_of(sqlite3* database) {
  const char* path = ::sqlite3_db_filename(database, "main");
  return path != nullptr ? path : "the database";
}

}  // namespace

void Statement::Finish::operator()(sqlite3_stmt* statement) const noexcept {
  ::sqlite3_finalize(statement);
}

void Statement::bind(std::int64_t number) noexcept {
  ::sqlite3_bind_int64(statement_.get(), ++bound_, number);
}
void Statement::bind(std::string_view text) noexcept {
  ::sqlite3_bind_text64(statement_.get(), ++bound_, text.data(), text.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
}
void Statement::bind_blob(std::span<const std::uint8_t> bytes) noexcept {
  ::sqlite3_bind_blob64(statement_.get(), ++bound_, bytes.data(), bytes.size(), SQLITE_STATIC);
}
void Statement::bind_null() noexcept {
  ::sqlite3_bind_null(statement_.get(), ++bound_);
}

void Statement::reset() noexcept {
  ::sqlite3_reset(statement_.get());
  bound_ = 0;
}

Result<bool> Statement::next() {
  const int code = ::sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3* const database = ::sqlite3_db_handle(statement_.get());
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = error_of(database, "use " + path_of(database));
  reset();
  return tl::make_unexpected(std::move(error));
}

Result<void> Statement::run() {
  for (;;) {
    auto more = next();
    if (!more) return tl::make_unexpected(std::move(more).error());
    if (!*more) return {};
  }
}

bool Statement::is_null(int column) const noexcept {
  return ::sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
std::int64_t Statement::number(int column) const noexcept {
  return ::sqlite3_column_int64(statement_.get(), column);
}
std::string Statement::text(int column) const {
  const auto bytes = blob(column);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::span<const std::uint8_t> Statement::blob(int column) const noexcept {
  const void* bytes = ::sqlite3_column_blob(statement_.get(), column);
  return {static_cast<const std::uint8_t*>(bytes),
          static_cast<std::size_t>(::sqlite3_column_bytes(statement_.get(), column))};
}

void Database::Close::operator()(sqlite3* database) const noexcept {
  ::sqlite3_close_v2(database);
}

Result<Database> Database::open(const std::string& path, Access access) {
  sqlite3* handle = nullptr;
  const int flags =
      access == Access::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = ::sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database;
  database.database_.reset(handle);
  database.path_ = path;
  if (code != SQLITE_OK) return tl::make_unexpected(error_of(handle, "open " + path));
  ::sqlite3_extended_result_codes(handle, 1);
  constexpr int kPatienceMs = 2000;  // for the moment in which a recorder closes a file
  ::sqlite3_busy_timeout(handle, kPatienceMs);
  if (access == Access::kRead)
    if (auto done = database.run("PRAGMA cache_size=-16384"); !done)
      return tl::make_unexpected(std::move(done).error());
  return database;
}

Result<void> Database::run(const char* sql) {
  if (::sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return tl::make_unexpected(error_of(database_.get(), "use " + path_));
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* made = nullptr;
  const int code = ::sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  if (code != SQLITE_OK) return tl::make_unexpected(error_of(database_.get(), "use " + path_));
  Statement statement;
  statement.statement_.reset(made);
  return statement;
}

Result<std::optional<std::int64_t>> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::make_unexpected(std::move(statement).error());
  auto row = statement->next();
  if (!row) return tl::make_unexpected(std::move(row).error());
  if (!*row || statement->is_null(0)) return std::optional<std::int64_t>();
  return std::optional(statement->number(0));
}

std::int64_t Database::last_row() const noexcept {
  return ::sqlite3_last_insert_rowid(database_.get());
}

bool Database::is_damage(const Error& error) noexcept {
  const int code = error.code().value();
  return &error.code().category() == &kCategory &&
         (code == SQLITE_CORRUPT || code == SQLITE_NOTADB);
}

bool Database::is_in_use(const Error& error) noexcept {
  const int code = error.code().value();
  return &error.code().category() == &kCategory && (code == SQLITE_BUSY || code == SQLITE_LOCKED);
}

}  // namespace sockscope::store
