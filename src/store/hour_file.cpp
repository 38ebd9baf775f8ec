// SPDX-License-Identifier: Apache-2.0
#include "store/hour_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "store/folder.h"
#include "store/schema.h"

namespace sockscope::store {
namespace {

constexpr std::size_t kMostKnown = 20'000;  // entries of each dictionary kept in memory

std::int64_t clock_offset(std::uint64_t wall_ns, std::uint64_t mono_ns) {
  return static_cast<std::int64_t>(wall_ns) - static_cast<std::int64_t>(mono_ns);
}

void bind_moved(Statement& to, const Moved& moved, bool is_known) {
  for (const std::uint64_t number :
       {moved.tx_bytes, moved.rx_bytes, moved.tx_segments, moved.rx_segments, moved.retransmits})
    is_known ? to.bind(number) : to.bind_null();
}

}  // namespace

// Makes the file with what it says about itself. It gets its name when it has all of this.
Result<void> HourFile::make(const std::string& path, const Recording& recording,
                            const row::File& begin) {
  const std::string unfinished = path + Folder::kUnfinished;
  {
    ::unlink(unfinished.c_str());
    auto database = Database::open(unfinished, Database::Access::kWrite);
    if (!database) return tl::make_unexpected(std::move(database).error());
    const std::string pragmas = fmt::format(
        "PRAGMA page_size=8192; BEGIN; PRAGMA application_id={}; PRAGMA user_version={};",
        kApplicationId, kFormat);
    if (auto done = database->run(pragmas.c_str()); !done)
      return tl::make_unexpected(std::move(done).error());
    if (auto done = database->run(kSchema); !done)
      return tl::make_unexpected(std::move(done).error());
    auto info = database->prepare("INSERT INTO info VALUES(?,?)");
    if (!info) return tl::make_unexpected(std::move(info).error());
    const auto tell = [&info](std::string_view key, auto value) {
      info->bind_all(key, value);
      return info->run();
    };
    const std::string host = clean_utf8(recording.host);
    for (auto done :
         {tell("host", std::string_view(host)),
          tell("boot_id", std::string_view(recording.boot_id)),
          tell("program", std::string_view(recording.program)),
          tell("source", to_string(recording.source)), tell("interval_ns", recording.interval_ns),
          tell("began_mono_ns", begin.mono_ns), tell("began_wall_ns", begin.wall_ns)})
      if (!done) return tl::make_unexpected(std::move(done).error());
    if (auto done = database->run(
            fmt::format("INSERT INTO clock VALUES({},{}); COMMIT;", begin.mono_ns, begin.wall_ns)
                .c_str());
        !done)
      return done;
  }
  if (::rename(unfinished.c_str(), path.c_str()) != 0)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "make " + path));
  return {};
}

Result<HourFile> HourFile::create(const std::string& path, const Recording& recording,
                                  const row::File& begin) {
  if (auto done = make(path, recording, begin); !done)
    return tl::make_unexpected(std::move(done).error());
  auto database = Database::open(path, Database::Access::kWrite);
  if (!database) return tl::make_unexpected(std::move(database).error());
  if (auto done = database->run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                "PRAGMA wal_autocheckpoint=1000; PRAGMA cache_size=-4096;");
      !done)
    return tl::make_unexpected(std::move(done).error());

  Statements statements;
  const std::pair<Statement*, const char*> wanted[] = {
      {&statements.flow,
       "INSERT INTO flow VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&statements.before, "INSERT INTO before VALUES(?,?,?,?,?,?)"},
      {&statements.delta, "INSERT INTO delta VALUES(?,?,?,?,?,?,?,?,?,?)"},
      {&statements.total,
       "UPDATE flow SET process=?,owner=?,closed_ns=?,state=?,tx_bytes=?,rx_bytes=?,"
       "tx_segments=?,rx_segments=?,retransmits=?,srtt_us=?,min_rtt_us=? WHERE id=?"},
      {&statements.failure, "INSERT INTO failure VALUES(?,?,?,?,?,?,?,?,?,?,?)"},
      {&statements.gap, "INSERT INTO gap VALUES(?,?,?,?)"},
      {&statements.sample, "INSERT INTO sample VALUES(?,?,?,?,?)"},
      {&statements.process, "INSERT INTO process VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&statements.describe,
       "INSERT OR REPLACE INTO process(pid,start_ns,comm,uid,ppid,parents,exe,arguments,unit,"
       "container,container_id,pod,cgroup,netns,id) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&statements.address, "INSERT OR IGNORE INTO address VALUES(NULL,?,?)"},
      {&statements.find_address, "SELECT id FROM address WHERE ip=? AND zone=?"},
      {&statements.name, "INSERT OR IGNORE INTO name VALUES(NULL,?)"},
      {&statements.find_name, "SELECT id FROM name WHERE text=?"},
      {&statements.clock, "INSERT OR REPLACE INTO clock VALUES(?,?)"},
  };
  for (const auto& [statement, sql] : wanted) {
    auto prepared = database->prepare(sql);
    if (!prepared) return tl::make_unexpected(std::move(prepared).error());
    *statement = std::move(*prepared);
  }
  HourFile file(std::move(*database), std::move(statements), recording.with_arguments);
  file.clock_offset_ = clock_offset(begin.wall_ns, begin.mono_ns);
  return file;
}

Result<void> HourFile::begin() {
  if (is_begun_) return {};
  auto done = database_.run("BEGIN");
  is_begun_ = done.has_value();
  return done;
}

Result<void> HourFile::commit() {
  if (!is_begun_) return {};
  auto done = database_.run("COMMIT");
  if (!done) (void)database_.run("ROLLBACK");
  is_begun_ = false;
  return done;
}

Result<void> HourFile::close(std::uint64_t mono_ns) {
  auto done = begin();
  if (done)
    done = database_.run(
        fmt::format("INSERT OR REPLACE INTO info VALUES('ended_mono_ns',{})", mono_ns).c_str());
  if (done) done = commit();
  statements_ = {};
  // Then the file is one file, also for readers that may not write beside it. One that reads at
  // this moment keeps the log: it is not waited for, and the next recorder takes the log in.
  auto taken_in = database_.run(
      "PRAGMA busy_timeout=0; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE;");
  if (!taken_in && Database::is_in_use(taken_in.error())) taken_in = {};
  return done ? taken_in : done;
}

Result<void> HourFile::write(const row::Any& row) {
  if (auto done = begin(); !done) return done;
  return std::visit([this](const auto& each) { return write_row(each); }, row);
}

Result<std::optional<std::int64_t>> HourFile::entry(
    std::unordered_map<std::string, std::int64_t>& known, const std::string& key, Statement& insert,
    Statement& find) {
  if (auto done = insert.run(); !done) return tl::make_unexpected(std::move(done).error());
  auto found = find.next();
  if (!found) return tl::make_unexpected(std::move(found).error());
  const std::int64_t id = find.number(0);
  find.reset();
  if (known.size() >= kMostKnown) known.clear();
  known.emplace(key, id);
  return id;
}

Result<std::optional<std::int64_t>> HourFile::address(const Address& address) {
  if (address.family == 0) return std::optional<std::int64_t>();
  const std::span<const std::uint8_t> bytes(address.bytes.data(), address.family == 4 ? 4u : 16u);
  const std::string_view zone = address.zone.name();
  std::string key(bytes.begin(), bytes.end());
  key += zone;
  if (const auto known = addresses_.find(key); known != addresses_.end()) return known->second;
  for (Statement* statement : {&statements_.address, &statements_.find_address}) {
    statement->bind_blob(bytes);
    statement->bind(zone);
  }
  return entry(addresses_, key, statements_.address, statements_.find_address);
}

Result<std::optional<std::int64_t>> HourFile::name(const RemoteName* name) {
  if (name == nullptr || name->name.empty()) return std::optional<std::int64_t>();
  const std::string text = clean_utf8(name->name);
  if (const auto known = names_.find(text); known != names_.end()) return known->second;
  for (Statement* statement : {&statements_.name, &statements_.find_name})
    statement->bind(std::string_view(text));
  return entry(names_, text, statements_.name, statements_.find_name);
}

Result<std::optional<std::int64_t>> HourFile::process(const Owner& owner) {
  if (owner.pid == 0) return std::optional<std::int64_t>();
  const ProcessInfo* const info = owner.process.get();
  const std::string key = fmt::format("{} {} {} {}", owner.pid, owner.start_ns,
                                      owner.uid ? std::int64_t{*owner.uid} : -1, owner.name());
  const auto known = processes_.find(key);
  if (known != processes_.end() && (known->second.is_described || info == nullptr))
    return known->second.id;
  // Seen before, when less was known about it: that row is completed.
  const bool is_seen = known != processes_.end();
  Statement& insert = is_seen ? statements_.describe : statements_.process;
  const ControlGroup* const group = info != nullptr ? info->cgroup.get() : nullptr;
  const auto text = [](std::string_view bytes) { return clean_utf8(bytes); };
  const std::string comm = text(owner.name());
  const std::string parents = text(info != nullptr ? info->parents : "");
  const std::string exe = text(info != nullptr ? info->exe() : "");
  const std::string arguments = text(info != nullptr && with_arguments_ ? info->cmdline() : "");
  const std::string unit = text(group != nullptr ? group->unit : "");
  const std::string container = text(group != nullptr ? group->container_name : "");
  const std::string container_id = text(group != nullptr ? group->container_id : "");
  const std::string pod = text(group != nullptr ? group->pod_uid : "");
  const std::string path = text(group != nullptr ? group->path : "");
  insert.bind(owner.pid);
  insert.bind_known(owner.start_ns);
  insert.bind_known(std::string_view(comm));
  insert.bind(owner.uid);
  insert.bind_known(std::uint64_t{info != nullptr ? info->parent_pid : 0});
  for (const std::string* each :
       {&parents, &exe, &arguments, &unit, &container, &container_id, &pod, &path})
    insert.bind_known(std::string_view(*each));
  insert.bind_known(std::uint64_t{info != nullptr ? info->netns : 0});
  if (is_seen) insert.bind(known->second.id);
  if (auto done = insert.run(); !done) return tl::make_unexpected(std::move(done).error());
  if (is_seen) {
    known->second.is_described = true;
    return known->second.id;
  }
  if (processes_.size() >= kMostKnown) processes_.clear();
  const std::int64_t id = database_.last_row();
  processes_[key] = {id, info != nullptr};
  return id;
}

Result<void> HourFile::write_row(const row::Flow& row) {
  const Flow& flow = row.flow;
  auto by = process(flow.owner);
  auto local = address(flow.local.addr);
  const bool is_connected = flow.remote.port != 0 || !flow.remote.addr.is_unspecified();
  auto remote = is_connected ? address(flow.remote.addr) : std::optional<std::int64_t>();
  auto called = name(flow.remote_name.get());
  for (auto* part : {&by, &local, &remote, &called})
    if (!*part) return tl::make_unexpected(std::move(*part).error());
  Statement& insert = statements_.flow;
  insert.bind(row.key);
  insert.bind_known(flow.cookie);
  insert.bind_known(static_cast<std::uint64_t>(flow.conn_id));
  insert.bind_known(std::uint64_t{flow.netns});
  insert.bind(static_cast<int>(flow.protocol));
  insert.bind_known(static_cast<std::uint64_t>(flow.direction));
  insert.bind(*local);
  insert.bind(int{flow.local.port});
  insert.bind(*remote);
  is_connected ? insert.bind(int{flow.remote.port}) : insert.bind_null();
  insert.bind(*by);
  insert.bind_known(std::uint64_t{flow.owner.opener_pid});
  insert.bind(static_cast<int>(flow.owner.kind));
  insert.bind(*called);
  insert.bind_known(flow.opened_ns);
  insert.bind_known(row.is_whole ? flow.closed_ns : 0);
  insert.bind(row.is_whole ? 1 : 0);
  insert.bind_known(static_cast<std::uint64_t>(flow.state));
  bind_moved(insert, Moved::of(flow.counters) - row.before, row.is_whole && flow.has_counters);
  insert.bind_known(std::uint64_t{row.is_whole ? flow.counters.srtt_us : 0});
  insert.bind_known(std::uint64_t{row.is_whole ? flow.counters.min_rtt_us : 0});
  if (auto done = insert.run(); !done) return done;
  if (row.before == Moved{}) return {};
  statements_.before.bind(row.key);
  bind_moved(statements_.before, row.before, true);
  return statements_.before.run();
}

Result<void> HourFile::write_row(const row::Delta& row) {
  auto by = process(row.owner);
  if (!by) return tl::make_unexpected(std::move(by).error());
  Statement& insert = statements_.delta;
  insert.bind_all(row.key, row.flow, *by);
  insert.bind_known(static_cast<std::uint64_t>(row.state));
  bind_moved(insert, row.moved, true);
  insert.bind_known(std::uint64_t{row.srtt_us});
  return insert.run();
}

Result<void> HourFile::write_row(const row::Total& row) {
  auto by = process(row.owner);
  if (!by) return tl::make_unexpected(std::move(by).error());
  Statement& update = statements_.total;
  update.bind(*by);
  update.bind(static_cast<int>(row.owner.kind));
  update.bind_known(row.closed_ns);
  update.bind_known(static_cast<std::uint64_t>(row.state));
  bind_moved(update, row.moved, row.has_counters);
  update.bind_known(std::uint64_t{row.counters.srtt_us});
  update.bind_known(std::uint64_t{row.counters.min_rtt_us});
  update.bind(row.flow);
  return update.run();
}

Result<void> HourFile::write_row(const row::Failure& row) {
  const Flow& flow = row.flow;
  auto by = process(flow.owner);
  auto local = address(flow.local.addr);
  auto remote = address(flow.remote.addr);
  auto called = name(flow.remote_name.get());
  for (auto* part : {&by, &local, &remote, &called})
    if (!*part) return tl::make_unexpected(std::move(*part).error());
  Statement& insert = statements_.failure;
  insert.bind_all(row.key, static_cast<int>(flow.protocol));
  insert.bind_known(std::uint64_t{flow.netns});
  insert.bind_all(*local, int{flow.local.port}, *remote, int{flow.remote.port}, *by, *called);
  insert.bind_known(static_cast<std::uint64_t>(row.error));
  insert.bind_known(row.latency_us);
  return insert.run();
}

Result<void> HourFile::write_row(const row::Gap& row) {
  statements_.gap.bind_all(row.key, row.from_ns, std::string_view(row.reason));
  statements_.gap.bind_known(row.count);
  return statements_.gap.run();
}

Result<void> HourFile::write_row(const row::Sample& row) {
  statements_.sample.bind_all(row.key, row.wall_ns, row.mono_ns, row.open_flows, row.lost);
  if (auto done = statements_.sample.run(); !done) return done;
  // The wall clock was set, or runs at another speed.
  constexpr std::int64_t kTolerance = 10'000'000;
  const std::int64_t offset = clock_offset(row.wall_ns, row.mono_ns);
  if (std::llabs(offset - clock_offset_) < kTolerance) return {};
  clock_offset_ = offset;
  statements_.clock.bind_all(row.mono_ns, row.wall_ns);
  return statements_.clock.run();
}

}  // namespace sockscope::store
