// SPDX-License-Identifier: Apache-2.0
#include "store/question.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "store/database.h"
#include "store/folder.h"
#include "store/schema.h"

namespace sockscope::store {
namespace {

// A stretch of a file's time in which both clocks ran alike.
struct Stretch {
  std::uint64_t mono_from = 0;
  std::uint64_t mono_to = UINT64_MAX;
  std::int64_t offset = 0;  // Unix time minus CLOCK_MONOTONIC
};

std::uint64_t shifted(std::uint64_t time, std::int64_t by) {
  if (time == UINT64_MAX) return time;
  if (by < 0) {
    const std::uint64_t back = 0 - static_cast<std::uint64_t>(by);
    return time - std::min(time, back);
  }
  return time + std::min(static_cast<std::uint64_t>(by), UINT64_MAX - time);
}

// Calls take() for each row.
template <class Take>
Result<void> for_each(Statement& rows, Take take) {
  for (;;) {
    auto more = rows.next();
    if (!more) return tl::make_unexpected(std::move(more).error());
    if (!*more) return {};
    take();
  }
}

class File {
 public:
  static Result<File> open(const std::string& path) {
    auto database = Database::open(path, Database::Access::kRead);
    if (!database) return tl::make_unexpected(std::move(database).error());
    auto application = database->number("PRAGMA application_id");
    if (!application) return tl::make_unexpected(std::move(application).error());
    auto format = database->number("PRAGMA user_version");
    if (!format) return tl::make_unexpected(std::move(format).error());
    const auto refused = [&path](std::string detail) {
      return tl::make_unexpected(
          Error(ErrorKind::kIo, {}, "read " + path).with_detail(std::move(detail)));
    };
    if (application->value_or(0) != kApplicationId) return refused("it is no history of sockscope");
    if (format->value_or(0) > kFormat)
      return refused(fmt::format("its format is {}, and this version of sockscope knows up to {}",
                                 **format, kFormat));
    File file(std::move(*database));
    if (auto done = file.read_clock(); !done) return tl::make_unexpected(std::move(done).error());
    return file;
  }

  Database& database() noexcept { return database_; }
  const std::vector<Stretch>& stretches() const noexcept { return stretches_; }
  std::uint64_t wall_of(std::uint64_t mono_ns) const {
    const Stretch* in = &stretches_.front();
    for (const Stretch& each : stretches_)
      if (each.mono_from <= mono_ns) in = &each;
    return shifted(mono_ns, in->offset);
  }
  std::uint64_t wall_of_key(Key key) const {
    return wall_of(static_cast<std::uint64_t>(key / kKeysPerMs) * 1'000'000);
  }

 private:
  explicit File(Database database) : database_(std::move(database)) {}

  Result<void> read_clock() {
    auto rows = database_.prepare("SELECT mono_ns,wall_ns FROM clock ORDER BY mono_ns");
    if (!rows) return tl::make_unexpected(std::move(rows).error());
    auto done = for_each(*rows, [&] {
      const auto mono = static_cast<std::uint64_t>(rows->number(0));
      if (!stretches_.empty()) stretches_.back().mono_to = mono;
      stretches_.push_back({mono, UINT64_MAX, rows->number(1) - rows->number(0)});
    });
    if (!done) return done;
    if (stretches_.empty())
      return tl::make_unexpected(
          Error(ErrorKind::kIo, {}, "read " + database_.path()).with_detail("it has no clock"));
    stretches_.front().mono_from = 0;
    return {};
  }

  Database database_;
  std::vector<Stretch> stretches_;
};

// Rows of a dictionary, read when they are first needed.
template <class Value>
class Dictionary {
 public:
  using Read = std::function<Value(const Statement&)>;
  // problem: where the first error is kept.
  Dictionary(Statement find, Read read, Result<void>& problem)
      : find_(std::move(find)), read_(std::move(read)), problem_(problem) {}
  const Value* get(std::int64_t id) {
    if (id == 0) return nullptr;
    const auto [place, is_new] = known_.try_emplace(id);
    if (is_new) {
      find_.bind(id);
      auto row = find_.next();
      if (row && *row) place->second = read_(find_);
      if (!row && problem_) problem_ = tl::make_unexpected(std::move(row).error());
      find_.reset();
    }
    return &place->second;
  }

 private:
  Statement find_;
  Read read_;
  Result<void>& problem_;
  std::unordered_map<std::int64_t, Value> known_;
};

Owner read_process(const Statement& row) {
  Owner owner;
  auto info = std::make_shared<ProcessInfo>();
  auto program = std::make_shared<Program>();
  auto group = std::make_shared<ControlGroup>();
  const auto u32 = [&row](int column) { return static_cast<std::uint32_t>(row.number(column)); };
  info->pid = owner.pid = u32(0);
  info->start_ns = owner.start_ns = static_cast<std::uint64_t>(row.number(1));
  const std::string comm = row.text(2);
  std::copy_n(comm.begin(), std::min(comm.size(), owner.comm.size() - 1), owner.comm.begin());
  info->comm = owner.comm;
  if (!row.is_null(3)) info->uid = owner.uid = u32(3);
  info->parent_pid = u32(4);
  info->parents = row.text(5);
  program->exe = row.text(6);
  program->cmdline = row.text(7);
  group->unit = row.text(8);
  group->container_name = row.text(9);
  group->container_id = row.text(10);
  group->pod_uid = row.text(11);
  group->path = row.text(12);
  info->netns = u32(13);
  info->program = std::move(program);
  info->cgroup = std::move(group);
  owner.process = std::move(info);
  return owner;
}

Address read_address(const Statement& row) {
  Address address;
  const auto bytes = row.blob(0);
  if (bytes.size() != 4 && bytes.size() != 16) return address;
  address.family = bytes.size() == 4 ? 4 : 6;
  std::memcpy(address.bytes.data(), bytes.data(), bytes.size());
  address.zone = Zone(row.text(1));
  return address;
}

// Flows with a remote end. A connection that may be in another file or stretch, too (open before ?4
// or after ?5), is told with its cookie, so that it can be counted once.
constexpr std::string_view kFlow = R"sql(
SELECT id,proto,direction,netns,remote,
  CASE direction WHEN 2 THEN local_port ELSE remote_port END,process,remote_name,owner,is_whole,
  tx_bytes,rx_bytes,tx_segments,rx_segments,retransmits,srtt_us,
  CASE WHEN opened_ns>=?4 AND closed_ns<?5 THEN NULL ELSE cookie END
FROM flow NOT INDEXED WHERE remote IS NOT NULL AND )sql";
// Between two keys: those that were opened and closed in between, and those that were open.
constexpr std::string_view kBetween =
    "id<?2 AND CASE is_whole WHEN 1 THEN id>=?1 ELSE closed_ns IS NULL OR closed_ns>=?3 END";
constexpr std::string_view kDeltas =
    "SELECT id,flow,process,tx_bytes,rx_bytes,tx_segments,rx_segments,retransmits,srtt_us "
    "FROM delta NOT INDEXED WHERE id>=?1 AND id<?2";

constexpr std::string_view kFailed = R"sql(
SELECT proto,netns,remote,remote_port,process,remote_name,count(*),min(id),max(id),error
FROM failure NOT INDEXED WHERE id>=?1 AND id<?2 GROUP BY 1,2,3,4,5,6)sql";

using EdgeKey = std::tuple<std::uint32_t, std::uint64_t, std::array<char, 16>, Protocol, Direction,
                           std::uint32_t, std::uint8_t, std::array<std::uint8_t, 16>,
                           std::string_view, std::uint16_t>;
EdgeKey key_of(const Flow& flow) {
  return {flow.owner.pid,
          flow.owner.start_ns,
          flow.owner.comm,
          flow.protocol,
          flow.direction,
          flow.netns,
          flow.remote.addr.family,
          flow.remote.addr.bytes,
          flow.remote.addr.zone.name(),
          port_of(flow)};
}

class Asking {
 public:
  Asking(Range range, const std::function<bool(const Flow&)>& wanted)
      : range_(range), wanted_(wanted) {}

  Result<void> read(File& file, const FileFacts& facts) {
    auto processes = file.database().prepare(
        "SELECT pid,start_ns,comm,uid,ppid,parents,exe,arguments,unit,container,container_id,pod,"
        "cgroup,netns FROM process WHERE id=?");
    auto addresses = file.database().prepare("SELECT ip,zone FROM address WHERE id=?");
    auto names = file.database().prepare("SELECT text FROM name WHERE id=?");
    auto flows = file.database().prepare(std::string(kFlow) + std::string(kBetween));
    auto one_flow = file.database().prepare(std::string(kFlow) + "id=?1");
    auto deltas = file.database().prepare(kDeltas);
    auto failed = file.database().prepare(kFailed);
    for (auto* each : {&processes, &addresses, &names, &flows, &one_flow, &deltas, &failed})
      if (!*each) return tl::make_unexpected(std::move(*each).error());
    Result<void> problem;
    Dictionary<Owner> owners(std::move(*processes), read_process, problem);
    Dictionary<Address> remotes(std::move(*addresses), read_address, problem);
    Dictionary<std::string> called(
        std::move(*names), [](const Statement& row) { return row.text(0); }, problem);
    const auto edge_flow = [&](std::int64_t remote, std::int64_t process, std::int64_t name) {
      Flow flow;
      if (const Owner* owner = owners.get(process)) flow.owner = *owner;
      if (const Address* address = remotes.get(remote)) flow.remote.addr = *address;
      flow.local.addr.family = flow.remote.addr.family;
      if (const std::string* text = called.get(name)) {
        auto known = std::make_shared<RemoteName>();
        known->name = *text;
        flow.remote_name = std::move(known);
      }
      return flow;
    };
    for (const Stretch& stretch : file.stretches()) {
      const std::uint64_t from =
          std::max(shifted(range_.from_ns, -stretch.offset), stretch.mono_from);
      const std::uint64_t to = std::min(shifted(range_.to_ns, -stretch.offset), stretch.mono_to);
      if (from >= to || to <= facts.began_mono_ns || from > facts.ended_mono_ns) continue;
      const Key first = first_key_at(from);
      const Key last = to == UINT64_MAX ? INT64_MAX : first_key_at(to);
      const auto bound = [](std::uint64_t mono_ns) {
        return static_cast<std::int64_t>(std::min<std::uint64_t>(mono_ns, INT64_MAX));
      };
      const std::int64_t opened_after = bound(std::max(facts.began_mono_ns, stretch.mono_from));
      const std::int64_t closed_before = bound(stretch.mono_to);
      // The edges of this file, and the flows of this stretch that have deltas.
      std::map<std::pair<Ends, std::int64_t>, Edge*> edges;
      const auto edge_of = [&](const Ends& ends, std::int64_t process) {
        const auto [place, is_new] = edges.try_emplace({ends, process}, nullptr);
        if (!is_new) return place->second;
        Flow flow = edge_flow(ends.remote, process, ends.name);
        flow.protocol = static_cast<Protocol>(ends.protocol);
        flow.direction = static_cast<Direction>(ends.direction);
        flow.netns = static_cast<std::uint32_t>(ends.netns);
        const auto port = static_cast<std::uint16_t>(ends.port);
        (flow.direction == Direction::kInbound ? flow.local : flow.remote).port = port;
        flow.owner.kind = static_cast<OwnerKind>(ends.owner);
        return place->second = find(std::move(flow));
      };
      std::unordered_map<Key, Met> met;
      const auto count_connection = [&](Edge& edge, std::int64_t cookie) {
        const bool is_counted =
            cookie != 0 && !counted_.emplace(&edge, facts.boot_id, cookie).second;
        edge.connections += is_counted ? 0 : 1;
      };
      const auto take_flow = [&](const Statement& row) {
        const Ends ends{.protocol = row.number(1),
                        .direction = row.number(2),
                        .netns = row.number(3),
                        .remote = row.number(4),
                        .port = row.number(5),
                        .name = row.number(7),
                        .owner = row.number(8)};
        const Key key = row.number(0);
        const bool is_whole = row.number(9) != 0;
        const Met one{ends, row.number(6), row.number(16), edge_of(ends, row.number(6))};
        if (!is_whole) met.emplace(key, one);
        if (one.edge == nullptr) return;
        count_connection(*one.edge, one.cookie);
        one.edge->has_counters |= !row.is_null(10);
        const std::uint64_t at = file.wall_of_key(std::max(key, first));
        note_time(*one.edge, at, at);
        if (is_whole) add_moved(*one.edge, row, 10);
      };
      flows->bind_all(first, last, from, opened_after, closed_before);
      auto done = for_each(*flows, [&] { take_flow(*flows); });
      if (!done) return done;
      // Of flows that passed to another process, which of them have been counted for that one.
      std::set<std::pair<Key, std::int64_t>> passed;
      deltas->bind_all(first, last);
      done = for_each(*deltas, [&] {
        const Key key = deltas->number(1);
        auto found = met.find(key);
        if (found == met.end()) {  // closed at the very beginning, or without a remote end
          one_flow->bind_all(key, last, from, opened_after, closed_before);
          auto row = one_flow->next();
          if (!row && problem) problem = tl::make_unexpected(std::move(row).error());
          if (row && *row)
            take_flow(*one_flow);
          else
            met.emplace(key, Met{});
          one_flow->reset();
          found = met.find(key);
          if (found == met.end()) return;
        }
        Edge* edge = found->second.edge;
        if (const std::int64_t process = deltas->number(2); process != found->second.process) {
          if (found->second.ends == Ends{}) return;
          edge = edge_of(found->second.ends, process);
          if (edge != nullptr && passed.emplace(key, process).second)
            count_connection(*edge, found->second.cookie);
        }
        if (edge == nullptr) return;
        const std::uint64_t at = file.wall_of_key(deltas->number(0));
        note_time(*edge, at, at);
        edge->has_counters = true;
        add_moved(*edge, *deltas, 3);
      });
      if (!done) return done;
      failed->bind_all(first, last);
      done = for_each(*failed, [&] {
        Flow flow = edge_flow(failed->number(2), failed->number(4), failed->number(5));
        flow.protocol = static_cast<Protocol>(failed->number(0));
        flow.direction = Direction::kOutbound;
        flow.netns = static_cast<std::uint32_t>(failed->number(1));
        flow.remote.port = static_cast<std::uint16_t>(failed->number(3));
        Edge* const edge = find(std::move(flow));
        if (edge == nullptr) return;
        edge->failed += static_cast<std::uint64_t>(failed->number(6));
        edge->error = static_cast<int>(failed->number(9));
        note_time(*edge, file.wall_of_key(failed->number(7)), file.wall_of_key(failed->number(8)));
      });
      if (!done) return done;
    }
    return problem;
  }

  std::vector<Edge> edges() {
    std::vector<Edge> all;
    for (auto& [key, edge] : edges_)
      if (edge) all.push_back(std::move(*edge));
    return all;
  }

 private:
  // What a flow has in common with others of its edges, in numbers of one file.
  struct Ends {
    std::int64_t protocol = 0;
    std::int64_t direction = 0;
    std::int64_t netns = 0;
    std::int64_t remote = 0;
    std::int64_t port = 0;
    std::int64_t name = 0;
    std::int64_t owner = 0;
    auto operator<=>(const Ends&) const = default;
  };
  struct Met {
    Ends ends;
    std::int64_t process = 0;
    std::int64_t cookie = 0;  // 0: it cannot be met again
    Edge* edge = nullptr;     // null: not wanted
  };

  // Bytes, segments, retransmits and round trip time, from this column on.
  void add_moved(Edge& edge, const Statement& row, int column) {
    const auto number = [&](int offset) {
      return static_cast<std::uint64_t>(row.number(column + offset));
    };
    edge.moved += {number(0), number(1), number(2), number(3), number(4)};
    if (number(5) == 0) return;
    Times& times = times_[&edge];
    times.sum_us += number(5);
    ++times.count;
    edge.srtt_us = times.sum_us / times.count;
  }
  Edge* find(Flow flow) {
    const auto [place, is_new] = edges_.try_emplace(key_of(flow));
    if (is_new && (!wanted_ || wanted_(flow))) {
      place->second.emplace();
      place->second->flow = std::move(flow);
    }
    return place->second ? &*place->second : nullptr;
  }
  static void note_time(Edge& edge, std::uint64_t first, std::uint64_t last) {
    edge.first_ns = edge.first_ns == 0 ? first : std::min(edge.first_ns, first);
    edge.last_ns = std::max(edge.last_ns, last);
  }

  Range range_;
  const std::function<bool(const Flow&)>& wanted_;
  std::map<EdgeKey, std::optional<Edge>> edges_;
  struct Times {
    std::uint64_t sum_us = 0;
    std::uint64_t count = 0;
  };
  std::unordered_map<const Edge*, Times> times_;
  // Connections that may be met again: of this edge, since this boot, with this cookie.
  std::set<std::tuple<const Edge*, std::string, std::int64_t>> counted_;
};

std::string reason_of(const Error& error) {
  // SQLite's details often only repeat its reason.
  return error.detail().empty() || error.message().ends_with(error.detail())
             ? error.message()
             : error.message() + " (" + error.detail() + ')';
}

Result<std::string> info(Database& database, std::string_view key) {
  auto find = database.prepare("SELECT value FROM info WHERE key=?");
  if (!find) return tl::make_unexpected(std::move(find).error());
  find->bind(key);
  auto row = find->next();
  if (!row) return tl::make_unexpected(std::move(row).error());
  return *row ? find->text(0) : std::string();
}

Result<void> read_times(File& file, FileFacts& facts) {
  Database& database = file.database();
  for (const auto& [key, to] :
       {std::pair{"host", &facts.host}, std::pair{"boot_id", &facts.boot_id},
        std::pair{"program", &facts.program}}) {
    auto text = info(database, key);
    if (!text) return tl::make_unexpected(std::move(text).error());
    *to = std::move(*text);
  }
  std::optional<std::int64_t> ended;
  std::optional<std::int64_t> sampled;
  std::optional<std::int64_t> began;
  std::optional<std::int64_t> interval;
  const std::tuple<const char*, std::optional<std::int64_t>*> moments[] = {
      {"SELECT value FROM info WHERE key='began_mono_ns'", &began},
      {"SELECT value FROM info WHERE key='interval_ns'", &interval},
      {"SELECT value FROM info WHERE key='ended_mono_ns'", &ended},
      {"SELECT max(ns) FROM (SELECT max(mono_ns) AS ns FROM sample UNION ALL "
       "SELECT (max(id)/4096+1)*1000000 FROM flow UNION ALL "
       "SELECT (max(id)/4096+1)*1000000 FROM delta UNION ALL "
       "SELECT (max(id)/4096+1)*1000000 FROM failure)",
       &sampled}};
  for (const auto& [sql, to] : moments) {
    auto number = database.number(sql);
    if (!number) return tl::make_unexpected(std::move(number).error());
    *to = *number;
  }
  const auto mono = [](const auto& value) { return static_cast<std::uint64_t>(value.value_or(0)); };
  facts.interval_ns = mono(interval);
  facts.began_mono_ns = mono(began);
  facts.ended_mono_ns = std::max({mono(began), mono(sampled), mono(ended)});
  facts.began_ns = file.wall_of(facts.began_mono_ns);
  facts.is_complete = ended.has_value();
  facts.ended_ns = file.wall_of(facts.ended_mono_ns);
  return {};
}

Result<void> read_counts(File& file, bool deeply, FileFacts& facts) {
  Database& database = file.database();
  const auto mono = [](const auto& value) { return static_cast<std::uint64_t>(value.value_or(0)); };
  const std::pair<const char*, std::uint64_t*> counts[] = {{"flow", &facts.flows},
                                                           {"delta", &facts.deltas},
                                                           {"failure", &facts.failures},
                                                           {"gap", &facts.gaps}};
  for (const auto& [table, to] : counts) {
    auto number = database.number(fmt::format("SELECT count(*) FROM {}", table));
    if (!number) return tl::make_unexpected(std::move(number).error());
    *to = mono(*number);
  }
  if (!deeply) return {};
  auto check = database.prepare("PRAGMA integrity_check(1)");
  if (!check) return tl::make_unexpected(std::move(check).error());
  auto row = check->next();
  if (!row) return tl::make_unexpected(std::move(row).error());
  if (const std::string words = *row ? check->text(0) : ""; words != "ok") {
    facts.problem = "damaged: " + words;
    return {};
  }
  check->reset();
  auto wrong = database.number(
      "SELECT count(*) FROM (SELECT f.id FROM flow f LEFT JOIN delta d ON d.flow=f.id "
      "WHERE f.is_whole=0 AND f.tx_bytes IS NOT NULL GROUP BY f.id HAVING "
      "f.tx_bytes<>total(d.tx_bytes) OR f.rx_bytes<>total(d.rx_bytes))");
  if (!wrong) return tl::make_unexpected(std::move(wrong).error());
  if (const std::uint64_t flows = mono(*wrong); flows != 0)
    facts.problem = fmt::format("the deltas of {} flows do not add up to their totals", flows);
  return {};
}

}  // namespace

Result<std::vector<FileFacts>> facts_of(const std::string& path, bool deeply) {
  auto files = stored_files(path);
  if (!files) return tl::make_unexpected(std::move(files).error());
  std::vector<FileFacts> all;
  for (const StoredFile& stored : *files) {
    FileFacts& facts = all.emplace_back();
    facts.path = stored.path;
    facts.bytes = stored.bytes;
    auto file = File::open(stored.path);
    if (!file) {
      facts.problem = reason_of(file.error());
      continue;
    }
    auto done = read_times(*file, facts);
    if (done) done = read_counts(*file, deeply, facts);
    if (!done) facts.problem = reason_of(done.error());
  }
  return all;
}

Result<Answer> ask(const std::string& path, const Range& range,
                   const std::function<bool(const Flow&)>& wanted) {
  auto files = stored_files(path);
  if (!files) return tl::make_unexpected(std::move(files).error());
  Answer answer;
  Asking asking(range, wanted);
  const auto missing = [&](std::uint64_t from, std::uint64_t to) {
    from = std::max(from, range.from_ns);
    to = std::min(to, range.to_ns);
    if (from < to) answer.missing.push_back({from, to, "nothing was recorded", 0});
  };
  std::uint64_t known_to = 0;  // until when the files before have been recorded
  std::uint64_t slack = 0;
  bool was_ended = true;
  for (const StoredFile& stored : *files) {
    auto file = File::open(stored.path);
    FileFacts facts;
    Result<void> done;
    if (file) done = read_times(*file, facts);
    if (!file || !done) {
      if (::access(stored.path.c_str(), F_OK) != 0) continue;  // it was the oldest, and had to go
      answer.unreadable.push_back(reason_of(file ? done.error() : file.error()));
      continue;
    }
    // The end of an interval is known only with the next sample. Of a file that nobody ended, the
    // last second is missing.
    constexpr std::uint64_t kSlack = 1'000'000'000;
    const std::uint64_t since = known_to != 0 ? known_to : range.from_ns;
    if (since != 0 && facts.began_ns > since + (was_ended ? kSlack : 0))
      missing(since, facts.began_ns);
    known_to = std::max(known_to, facts.ended_ns);
    was_ended = facts.is_complete;
    slack = facts.is_complete ? kSlack : facts.interval_ns + 2 * kSlack;
    done = asking.read(*file, facts);
    if (done) {
      auto gaps = file->database().prepare("SELECT id,from_ns,reason,count FROM gap ORDER BY id");
      if (!gaps) return tl::make_unexpected(std::move(gaps).error());
      done = for_each(*gaps, [&] {
        const std::uint64_t to = file->wall_of_key(gaps->number(0));
        const std::uint64_t from = file->wall_of(static_cast<std::uint64_t>(gaps->number(1)));
        if (to >= range.from_ns && from < range.to_ns)
          answer.missing.push_back(
              {from, to, gaps->text(2), static_cast<std::uint64_t>(gaps->number(3))});
      });
    }
    if (!done) answer.unreadable.push_back(reason_of(done.error()));
  }
  const std::uint64_t until = std::max(known_to, range.from_ns) + slack;
  if (range.to_ns != UINT64_MAX && until < range.to_ns) missing(until - slack, range.to_ns);
  answer.edges = asking.edges();
  std::sort(answer.missing.begin(), answer.missing.end(),
            [](const Missing& a, const Missing& b) { return a.from_ns < b.from_ns; });
  return answer;
}

}  // namespace sockscope::store
