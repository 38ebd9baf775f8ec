// SPDX-License-Identifier: Apache-2.0
// replay NAME FOLDER: gives one fuzz target every file of the folder: as it is, cut at each place,
// with each byte replaced, and with its halves exchanged. The inputs are the same every time, and
// libFuzzer is not needed. When a sanitizer or the target itself ends the program, the input is
// kept in the file broke.NAME.
#include <sys/time.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// The build lists the targets as X(dns) X(packet) … and names each one's LLVMFuzzerTestOneInput
// fuzz_dns, fuzz_packet, …
using Target = int(const std::uint8_t* data, std::size_t size);
#define X(name) extern "C" Target fuzz_##name;
SOCKSCOPE_FUZZ_TARGETS
#undef X

// A broken parser must end by a signal, whoever notices the fault.
extern "C" const char* __asan_default_options() {
  return "abort_on_error=1";
}
extern "C" const char* __ubsan_default_options() {
  return "abort_on_error=1:print_stacktrace=1";
}

namespace {

using Input = std::vector<std::uint8_t>;

constexpr struct {
  std::string_view name;
  Target* run;
} kTargets[] = {
#define X(name) {#name, fuzz_##name},
    SOCKSCOPE_FUZZ_TARGETS
#undef X
};

constexpr std::size_t kPlaces = 512;  // how many places are tried in longer inputs, evenly spread
constexpr std::uint8_t kBytes[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '\n', ' ', '9'};
// CPU time, not time on the clock, because the host may be busy. A seed takes less than a second,
// unless a parser hangs.
constexpr itimerval kTimeOfSeed{{}, {60, 0}};

Input current;
std::string broke;

[[noreturn]] void keep_current(int) {
  std::ofstream(broke, std::ios::binary)
      .write(reinterpret_cast<const char*>(current.data()),
             static_cast<std::streamsize>(current.size()));
  std::fprintf(stderr, "fuzz: the input that broke the parser is in %s\n", broke.c_str());
  std::_Exit(1);
}

// In memory of exactly its size, so that a read beyond its end is noticed.
void give(Target* target, Input input) {
  current = std::move(input);
  const auto exact = std::make_unique<std::uint8_t[]>(current.size());
  std::ranges::copy(current, exact.get());
  target(exact.get(), current.size());
}

std::size_t give_variants(Target* target, const Input& seed) {
  std::size_t count = 0;
  const auto next = [&](Input input) {
    give(target, std::move(input));
    ++count;
  };
  next(seed);
  const std::size_t step = seed.size() / kPlaces + 1;
  for (std::size_t place = 0; place < seed.size(); place += step) {
    next({seed.data(), seed.data() + place});
    Input changed = seed;
    for (const std::uint8_t byte : kBytes) {
      changed[place] = byte;
      next(changed);
    }
    changed[place] = seed[place] ^ 1U;
    next(changed);
  }
  Input turned = seed;
  std::ranges::rotate(turned, turned.begin() + static_cast<std::ptrdiff_t>(seed.size() / 2));
  next(turned);
  turned.insert(turned.end(), seed.begin(), seed.end());
  next(turned);
  return count;
}

std::vector<std::filesystem::path> files_of(const char* folder) {
  std::vector<std::filesystem::path> files(std::filesystem::directory_iterator{folder}, {});
  std::ranges::sort(files);
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  const auto* target =
      argc == 3 ? std::ranges::find(kTargets, argv[1], [](const auto& each) { return each.name; })
                : std::end(kTargets);
  if (target == std::end(kTargets)) {
    std::fprintf(stderr, "usage: replay NAME FOLDER\n");
    return 2;
  }
  broke = "broke." + std::string(target->name);
  for (const int number : {SIGABRT, SIGILL, SIGTRAP, SIGPROF}) std::signal(number, keep_current);
  std::size_t seeds = 0;
  std::size_t inputs = 0;
  give(target->run, {});
  for (const std::filesystem::path& path : files_of(argv[2])) {
    setitimer(ITIMER_PROF, &kTimeOfSeed, nullptr);
    std::ifstream file(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    inputs += give_variants(target->run, Input(bytes.begin(), bytes.end()));
    ++seeds;
  }
  std::printf("%zu seeds, %zu inputs\n", seeds, inputs);
  return seeds == 0;  // the folder was empty
}
