// SPDX-License-Identifier: Apache-2.0
// Writes a history of made-up connections as `record` does, and asks it.
//
//   bench_history FOLDER [CONNECTIONS PER FILE] [FILES]
//
// Half of the connections live between two looks, half over ten of them, so that there are 11 rows
// of two connections. 20,000 remote ends, of which few have most; 200 programs.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <vector>

#include "store/comparison.h"
#include "store/folder.h"
#include "store/hour_file.h"
#include "store/question.h"

namespace {

using namespace sockscope;
using namespace sockscope::store;
using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kBoot = 1'795'000'000 * kSecond;

double since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

template <class T>
T checked(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{} {}\n", result.error().message(), result.error().detail());
  std::exit(1);
}
void checked(Result<void> result) {
  if (result) return;
  fmt::print(stderr, "{} {}\n", result.error().message(), result.error().detail());
  std::exit(1);
}

class Made {
 public:
  Flow connection(std::uint64_t cookie) {
    // As popular as its number is low.
    const auto remote = static_cast<std::uint32_t>(20'000 * std::pow(uniform_(random_), 4));
    Flow flow;
    flow.cookie = cookie;
    flow.conn_id = ConnectionId{random_()};
    flow.netns = 5;
    flow.direction = Direction::kOutbound;
    flow.state = TcpState::kEstablished;
    flow.opened_ns = cookie * 1000;
    flow.local = {{.bytes = {10, 0, 0, 7}, .family = 4}, static_cast<std::uint16_t>(cookie)};
    flow.remote = {
        {.bytes = {100, static_cast<std::uint8_t>(remote >> 16),
                   static_cast<std::uint8_t>(remote >> 8), static_cast<std::uint8_t>(remote)},
         .family = 4},
        443};
    flow.owner.pid = 1000 + static_cast<std::uint32_t>(random_() % 200);
    flow.owner.start_ns = flow.owner.pid;
    flow.owner.uid = 1000;
    flow.owner.kind = OwnerKind::kExact;
    std::strcpy(flow.owner.comm.data(), fmt::format("svc-{}", flow.owner.pid).c_str());
    flow.counters.tx_bytes = random_() % 10'000;
    flow.counters.rx_bytes = random_() % 100'000;
    flow.counters.srtt_us = 1000;
    return flow;
  }

 private:
  std::mt19937_64 random_{1};
  std::uniform_real_distribution<double> uniform_;
};

// One hour. Returns how many rows.
std::uint64_t write_hour(const std::string& path, std::uint64_t hour, std::uint64_t connections,
                         Made& made) {
  const std::uint64_t began = hour * 3600 * kSecond;
  auto file = checked(HourFile::create(path, {.host = "h", .boot_id = "b", .program = "bench"},
                                       {began, kBoot + began}));
  std::uint64_t rows = 0;
  std::uint64_t last_delta = 0;
  for (std::uint64_t i = 0; i < connections; ++i) {
    const std::uint64_t at = began + i * (3600 * kSecond / connections);
    Flow flow = made.connection(hour << 32 | i);
    const Key key = first_key_at(at) + static_cast<Key>(i % 4096);
    flow.closed_ns = at;
    const bool is_whole = i % 2 == 0;
    checked(file.write(row::Flow{.key = key, .flow = flow, .is_whole = is_whole}));
    ++rows;
    for (int look = 0; !is_whole && look < 10; ++look, ++rows)
      checked(file.write(row::Delta{.key = static_cast<Key>(++last_delta) + first_key_at(began),
                                    .flow = key,
                                    .owner = flow.owner,
                                    .state = flow.state,
                                    .moved = Moved::of(flow.counters),
                                    .srtt_us = 1000}));
    if (!is_whole)
      checked(file.write(row::Total{.flow = key,
                                    .owner = flow.owner,
                                    .closed_ns = at + 50 * kSecond,
                                    .state = flow.state,
                                    .has_counters = true,
                                    .moved = Moved::of(flow.counters),
                                    .counters = flow.counters}));
    if (i % 500 == 499) checked(file.commit());
  }
  checked(file.close(began + 3600 * kSecond));
  return rows;
}

void time_question(const char* name, const std::string& folder, Range range, const char* prefix) {
  const auto began = Clock::now();
  const auto answer = checked(ask(folder, range, [prefix](const Flow& flow) {
    return prefix == nullptr || to_string(flow.remote.addr) == prefix;
  }));
  fmt::print("{:<34} {:7.0f} ms  {} edges\n", name, since(began) * 1000, answer.edges.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string folder = argv[1];
  const std::uint64_t connections = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 200'000;
  const std::uint64_t files = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 2;
  std::filesystem::create_directories(folder);
  Made made;
  std::uint64_t rows = 0;
  const auto began = Clock::now();
  for (std::uint64_t hour = 0; hour < files; ++hour)
    rows += write_hour(fmt::format("{}/{:04}.scope", folder, hour), hour, connections, made);
  const double seconds = since(began);
  std::uint64_t bytes = 0;
  for (const StoredFile& file : checked(stored_files(folder))) bytes += file.bytes;
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  fmt::print("{} rows in {} files: {:.0f} rows/s, {:.1f} bytes a row, peak memory {} MB\n", rows,
             files, static_cast<double>(rows) / seconds,
             static_cast<double>(bytes) / static_cast<double>(rows), used.ru_maxrss / 1024);
  const std::uint64_t end = kBoot + files * 3600 * kSecond;
  time_question("everything", folder, {}, nullptr);
  time_question("the last five minutes", folder, {end - 300 * kSecond, end}, nullptr);
  time_question("one address, everything", folder, {}, "100.0.0.77");
  const auto compared = Clock::now();
  const auto half = [&](std::uint64_t from, std::uint64_t to) {
    return checked(ask(folder, {from, to}, nullptr)).edges;
  };
  const std::uint64_t middle = kBoot + files * 1800 * kSecond;
  const auto found = compare(half(0, middle), 1, half(middle, UINT64_MAX), 1);
  fmt::print("{:<34} {:7.0f} ms  {} differences\n", "both halves compared", since(compared) * 1000,
             found.size());
}
