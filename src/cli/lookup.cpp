// SPDX-License-Identifier: Apache-2.0
#include "cli/lookup.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "base/fd.h"
#include "base/kernel_limits.h"

namespace sockscope {
namespace {

auto wrong(std::string text) {
  return tl::make_unexpected(std::move(text));
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Calls take(part) for each part between commas, until it returns false.
template <class Take>
bool for_each_part(std::string_view text, Take take) {
  for (;;) {
    const std::size_t comma = text.find(',');
    if (!take(text.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

Parsed<std::vector<std::uint32_t>> parse_pids(std::string_view text) {
  std::vector<std::uint32_t> pids;
  std::string bad;
  if (!for_each_part(text, [&](std::string_view part) {
        const auto pid = parse_number<std::uint32_t>(part);
        if (!pid || *pid == 0 || *pid > kMostPid) {
          bad = part;
          return false;
        }
        pids.push_back(*pid);
        return true;
      }))
    return wrong("'" + bad + "' is no process id");
  return pids;
}

Parsed<std::vector<PortRange>> parse_ports(std::string_view text) {
  std::vector<PortRange> ranges;
  std::string bad;
  if (!for_each_part(text, [&](std::string_view part) {
        const std::size_t dash = part.find('-');
        const auto first = parse_number<std::uint16_t>(part.substr(0, dash));
        const auto last = dash == std::string_view::npos
                              ? first
                              : parse_number<std::uint16_t>(part.substr(dash + 1));
        if (!first || !last || *first > *last) {
          bad = part;
          return false;
        }
        ranges.push_back({*first, *last});
        return true;
      }))
    return wrong("'" + bad + "' is no port and no range like 8000-8100");
  return ranges;
}

Parsed<std::uint32_t> parse_user(const std::string& text) {
  if (const auto number = parse_number<std::uint32_t>(text)) return *number;
  if (const auto uid = user_id(text)) return *uid;
  return wrong("there is no user '" + text + "'");
}

Parsed<std::uint32_t> parse_netns(const std::string& text) {
  if (const auto number = parse_number<std::uint32_t>(text)) return *number;
  const bool is_name = text.find('/') == text.npos;
  const std::string path = text.starts_with("pid:") ? "/proc/" + text.substr(4) + "/ns/net"
                           : is_name                ? "/run/netns/" + text
                                                    : text;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return wrong("cannot look at network namespace " + path + ": " + std::strerror(errno));
  struct statfs system {};
  if (::statfs(path.c_str(), &system) != 0 || system.f_type != NSFS_MAGIC)
    return wrong(path + " is no network namespace");
  return static_cast<std::uint32_t>(status.st_ino);
}

Parsed<std::size_t> parse_count(std::string_view text) {
  const auto number = parse_number<std::size_t>(text);
  if (!number) return wrong("'" + std::string(text) + "' is no whole number from 0");
  return *number;
}

std::optional<std::uint32_t> sudo_uid() {
  const char* const text = ::geteuid() == 0 ? std::getenv("SUDO_UID") : nullptr;
  return text == nullptr ? std::nullopt : parse_number<std::uint32_t>(text);
}

Parsed<std::chrono::milliseconds> parse_seconds(const std::string& text, double least,
                                                double most) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(seconds))
    return wrong("'" + text + "' is no number of seconds");
  if (seconds < least || seconds > most) {
    char limits[64];
    std::snprintf(limits, sizeof limits, " seconds; allowed are %g to %g", least, most);
    return wrong(text + limits);
  }
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

Parsed<ConnectionKey> parse_connection_key(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0)
    return wrong("cannot open '" + path + "': " + std::strerror(errno));
  if (S_ISREG(status.st_mode) && (status.st_mode & 077) != 0)
    return wrong("'" + path + "' is open to other users than its owner; chmod 600 it");
  std::array<char, 64> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size < 0) return wrong("cannot read '" + path + "': " + std::strerror(errno));
  std::string_view digits(text.data(), static_cast<std::size_t>(size));
  while (digits.ends_with('\n') || digits.ends_with('\r')) digits.remove_suffix(1);
  ConnectionKey key{};
  bool is_key = digits.size() == 2 * key.size();
  for (std::size_t i = 0; is_key && i < key.size(); ++i) {
    const char* const two = digits.data() + 2 * i;
    const auto [stop, error] = std::from_chars(two, two + 2, key[i], 16);
    is_key = error == std::errc{} && stop == two + 2;
  }
  if (!is_key)
    return wrong("'" + path +
                 "' does not hold 32 hexadecimal digits; 'openssl rand -hex 16' makes some");
  return key;
}

std::optional<std::uint32_t> user_id(std::string_view name) {
  const passwd* entry = ::getpwnam(std::string(name).c_str());
  if (!entry) return std::nullopt;
  return entry->pw_uid;
}

std::string user_name(std::uint32_t uid) {
  static std::map<std::uint32_t, std::string> known;
  const auto [place, is_new] = known.try_emplace(uid);
  if (is_new)
    if (const passwd* entry = ::getpwuid(uid)) place->second = entry->pw_name;
  return place->second;
}

std::string netns_name(std::uint32_t inode) {
  using Clock = std::chrono::steady_clock;
  static std::map<std::uint32_t, std::string> known;
  static std::optional<Clock::time_point> read;
  if (const auto now = Clock::now(); !read || now - *read > std::chrono::seconds(1)) {
    read = now;
    known.clear();
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/run/netns", error), end;
         !error && entry != end; entry.increment(error)) {
      struct stat status {};
      if (::stat(entry->path().c_str(), &status) == 0)
        known.emplace(static_cast<std::uint32_t>(status.st_ino), entry->path().filename());
    }
  }
  const auto found = known.find(inode);
  return found == known.end() ? "" : found->second;
}

std::string port_name(std::uint16_t port, Protocol protocol) {
  static std::map<std::pair<std::uint16_t, Protocol>, std::string> known;
  const auto [place, is_new] = known.try_emplace({port, protocol});
  if (is_new) {
    const servent* entry = ::getservbyport(htons(port), protocol == Protocol::kTcp ? "tcp" : "udp");
    if (entry != nullptr) place->second = entry->s_name;
  }
  return place->second;
}

}  // namespace sockscope
