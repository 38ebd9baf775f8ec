// SPDX-License-Identifier: Apache-2.0
#include "decode/host_files.h"

#include <array>

#include "decode/text_scan.h"
#include "model/address.h"

namespace sockscope {
namespace {

// The product of two numbers; empty when it does not fit into 64 bits, which no real value exceeds.
std::optional<std::uint64_t> times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// user nice system idle iowait irq softirq steal; the guest times after them are already part of
// user and nice.
std::optional<CpuTimes> parse_cpu(std::string_view rest) {
  std::array<std::uint64_t, 8> ticks{};
  std::size_t count = 0;
  for (std::string_view word = take_word(rest); !word.empty() && count < ticks.size();
       word = take_word(rest)) {
    const auto number = to_number<std::uint64_t>(word);
    if (!number) return std::nullopt;
    ticks[count++] = *number;
  }
  if (count < 4) return std::nullopt;
  CpuTimes times;
  times.idle = ticks[3] + ticks[4];
  times.busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
  return times;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The kernel names a partition after its disk: sda1, vda2, nvme0n1p1, mmcblk0p2.
bool is_partition_of(std::string_view name, std::string_view disk) {
  if (!name.starts_with(disk) || disk.empty()) return false;
  std::string_view rest = name.substr(disk.size());
  const bool ends_in_digit = disk.back() >= '0' && disk.back() <= '9';
  if (ends_in_digit) {
    if (!rest.starts_with('p')) return false;
    rest.remove_prefix(1);
  }
  return is_number(rest);
}

// /proc/mounts writes spaces and the like as \040.
std::string unescape_octal(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && field.size() - i >= 4) {
      const auto code = to_number<unsigned>(field.substr(i + 1, 3), 8);
      if (code && *code < 256) {
        text += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    text += field[i];
  }
  return text;
}

// The value in the first line "key<separator> value" with this key, without blanks around it.
std::string_view find_value(std::string_view text, std::string_view key, char separator) {
  while (!text.empty()) {
    std::string_view value = take_line(text);
    if (value.find(separator) == std::string_view::npos) continue;
    std::string_view name = take_before(value, separator);
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    if (name != key) continue;
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    while (value.ends_with(' ')) value.remove_suffix(1);
    return value;
  }
  return {};
}

}  // namespace

CpuReading parse_cpu_stat(std::string_view text) {
  CpuReading reading;
  while (!text.empty()) {
    std::string_view rest = take_line(text);
    const std::string_view name = take_word(rest);
    if (!name.starts_with("cpu")) continue;
    const auto times = parse_cpu(rest);
    if (!times) continue;
    if (name == "cpu")
      reading.all = times;
    else if (is_number(name.substr(3)))
      reading.cores.push_back(*times);
  }
  return reading;
}

void parse_meminfo(std::string_view text, SystemFacts& facts) {
  const auto bytes = [text](std::string_view key) -> std::optional<std::uint64_t> {
    std::string_view value = find_value(text, key, ':');
    const auto kib = to_number<std::uint64_t>(take_word(value));
    if (!kib) return std::nullopt;
    return times(*kib, 1024);
  };
  facts.memory_total_bytes = bytes("MemTotal");
  facts.memory_available_bytes = bytes("MemAvailable");
  if (facts.memory_total_bytes && facts.memory_available_bytes &&
      *facts.memory_available_bytes <= *facts.memory_total_bytes)
    facts.memory_used_bytes = *facts.memory_total_bytes - *facts.memory_available_bytes;
  facts.swap_total_bytes = bytes("SwapTotal");
  const auto swap_free = bytes("SwapFree");
  if (facts.swap_total_bytes && swap_free && *swap_free <= *facts.swap_total_bytes)
    facts.swap_used_bytes = *facts.swap_total_bytes - *swap_free;
}

void parse_loadavg(std::string_view text, SystemFacts& facts) {
  std::string_view line = take_line(text);
  facts.load_1m = to_decimal(take_word(line));
  facts.load_5m = to_decimal(take_word(line));
  facts.load_15m = to_decimal(take_word(line));
}

std::optional<std::uint64_t> parse_listen_drops(std::string_view text) {
  // Each line of names is followed by a line of their values.
  while (!text.empty()) {
    std::string_view names = take_line(text);
    if (take_word(names) != "TcpExt:") continue;
    std::string_view values = take_line(text);
    if (take_word(values) != "TcpExt:") return std::nullopt;
    for (std::string_view name = take_word(names); !name.empty(); name = take_word(names)) {
      const std::string_view value = take_word(values);
      if (name == "ListenDrops") return to_number<std::uint64_t>(value);
    }
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<DiskIo> parse_diskstats(std::string_view text) {
  constexpr std::uint64_t kSector = 512;  // the kernel's unit, whatever sector size the disk has
  DiskIo io;
  bool found = false;
  std::vector<std::string_view> disks;
  while (!text.empty()) {
    std::string_view rest = take_line(text);
    take_word(rest);  // major
    take_word(rest);  // minor
    const std::string_view name = take_word(rest);
    if (name.empty() || name.starts_with("loop") || name.starts_with("ram") ||
        name.starts_with("dm-"))
      continue;
    // The kernel lists a disk before its partitions.
    if (std::any_of(disks.begin(), disks.end(),
                    [name](std::string_view disk) { return is_partition_of(name, disk); }))
      continue;
    std::array<std::optional<std::uint64_t>, 7> fields;
    for (auto& field : fields) field = to_number<std::uint64_t>(take_word(rest));
    const auto& read = fields[2];
    const auto& written = fields[6];
    if (!read || !written) continue;
    const auto read_bytes = times(*read, kSector);
    const auto write_bytes = times(*written, kSector);
    if (!read_bytes || !write_bytes) continue;
    disks.push_back(name);
    io.read_bytes += *read_bytes;
    io.write_bytes += *write_bytes;
    found = true;
  }
  return found ? std::optional(io) : std::nullopt;
}

std::vector<Mount> parse_mounts(std::string_view text) {
  std::vector<Mount> mounts;
  while (!text.empty()) {
    std::string_view rest = take_line(text);
    const std::string_view device = take_word(rest);
    const std::string_view directory = take_word(rest);
    const std::string_view type = take_word(rest);
    if (!device.starts_with("/dev/") || directory.empty()) continue;
    if (type.starts_with("fuse") && type != "fuseblk") continue;
    mounts.push_back({unescape_octal(device), unescape_octal(directory)});
  }
  return mounts;
}

std::optional<std::uint64_t> parse_uptime(std::string_view text) {
  const std::string_view word = take_word(text);
  return to_number<std::uint64_t>(word.substr(0, word.find('.')));
}

std::string parse_cpu_model(std::string_view text) {
  return std::string(find_value(text, "model name", ':'));
}

std::string parse_os_name(std::string_view text) {
  std::string_view value = find_value(text, "PRETTY_NAME", '=');
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"'))
    value = value.substr(1, value.size() - 2);
  return std::string(value);
}

std::vector<Address> parse_resolv_conf(std::string_view text) {
  std::vector<Address> servers;
  while (!text.empty()) {
    std::string_view rest = take_line(text);
    if (take_word(rest) != "nameserver") continue;
    if (const auto address = parse_address(take_word(rest))) servers.push_back(*address);
  }
  return servers;
}

}  // namespace sockscope
