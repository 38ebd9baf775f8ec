// SPDX-License-Identifier: Apache-2.0
#include "decode/dns.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace sockscope {
namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kLongestName = 255;  // on the wire, including length bytes and the root
constexpr std::uint16_t kOpt = 41;
constexpr std::uint16_t kInternet = 1;

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool failed() const noexcept { return failed_; }
  std::size_t left() const noexcept { return bytes_.size() - at_; }

  std::uint16_t u16() noexcept {
    if (!need(2)) return 0;
    const unsigned value = byte(at_) << 8 | byte(at_ + 1);
    at_ += 2;
    return static_cast<std::uint16_t>(value);
  }
  std::uint32_t u32() noexcept {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  std::span<const std::byte> take(std::size_t size) noexcept {
    if (!need(size)) return {};
    at_ += size;
    return bytes_.subspan(at_ - size, size);
  }
  void skip(std::size_t size) noexcept { take(size); }

  // Each pointer must point before every part of the name read so far: so the loop ends.
  std::string name() {
    std::string text;
    std::size_t at = at_;
    std::size_t before = at_;  // a pointer must point before this
    std::size_t size = 0;
    bool has_jumped = false;
    for (;;) {
      if (at >= bytes_.size()) return fail();
      const unsigned length = byte(at);
      if (length >= 0xc0) {
        if (at + 2 > bytes_.size()) return fail();
        const std::size_t target = (length & 0x3f) << 8 | byte(at + 1);
        if (!std::exchange(has_jumped, true)) at_ = at + 2;
        if (target < kHeaderSize || target >= before) return refuse();
        at = before = target;
        continue;
      }
      if (length > 63) return refuse();
      size += length + 1;
      if (size > kLongestName) return refuse();
      if (length == 0) break;
      if (bytes_.size() - at <= length) return fail();
      if (!text.empty()) text += '.';
      for (std::size_t i = 1; i <= length; ++i) {
        const char c = static_cast<char>(byte(at + i));
        if (c == '.' || c == '\\') text += '\\';
        text += c;
      }
      at += length + 1;
    }
    if (!has_jumped) at_ = at + 1;
    return text.empty() ? "." : text;
  }

  // True when the data is wrong, not only truncated.
  bool refused() const noexcept { return refused_; }

 private:
  unsigned byte(std::size_t at) const noexcept { return std::to_integer<unsigned>(bytes_[at]); }
  bool need(std::size_t size) noexcept {
    if (failed_ || left() < size) failed_ = true;
    return !failed_;
  }
  std::string fail() noexcept {
    failed_ = true;
    return {};
  }
  std::string refuse() noexcept {
    refused_ = true;
    return fail();
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
  bool refused_ = false;
};

// Takes from a record's data what is kept. False: the data does not fit the record's type.
bool read_data(std::span<const std::byte> message, std::size_t at, std::size_t size,
               DnsAnswer& answer) {
  const auto data = message.subspan(at, size);
  if (answer.type == dns::kA || answer.type == dns::kAaaa) {
    const std::size_t wanted = answer.type == dns::kA ? 4 : 16;
    if (size != wanted) return false;
    answer.address.family = answer.type == dns::kA ? 4 : 6;
    std::memcpy(answer.address.bytes.data(), data.data(), wanted);
  } else if (answer.type == dns::kCname || answer.type == dns::kPtr) {
    // The name may point back out of the data, but must end within it.
    Reader reader(message.first(at + size));
    reader.skip(at);
    answer.target = reader.name();
    return !reader.failed() && reader.left() == 0;
  }
  return true;
}

// Reads one record of any section, including OPT. False: truncated, or invalid (is_nonsense).
bool read_record(Reader& reader, std::span<const std::byte> message, DnsMessage& dns,
                 bool is_answer, bool& is_nonsense) {
  DnsAnswer record;
  record.name = reader.name();
  record.type = reader.u16();
  const std::uint16_t record_class = reader.u16();
  record.ttl_s = reader.u32();
  const std::size_t size = reader.u16();
  const std::size_t at = message.size() - reader.left();
  reader.skip(size);
  if (reader.failed()) {
    is_nonsense = reader.refused();
    return false;
  }
  if (record.type == kOpt) {
    dns.udp_size = record_class;
    dns.rcode = static_cast<std::uint16_t>(dns.rcode | (record.ttl_s >> 24) << 4);
    return true;
  }
  if (!is_answer || record_class != kInternet || dns.answers.size() == dns::kMostAnswers)
    return true;
  if (!read_data(message, at, size, record)) {
    is_nonsense = true;
    return false;
  }
  dns.answers.push_back(std::move(record));
  return true;
}

}  // namespace

std::vector<std::byte> make_dns_query(std::uint16_t id, std::string_view name, std::uint16_t type) {
  std::vector<std::byte> message;
  const auto u8 = [&](std::size_t value) { message.push_back(static_cast<std::byte>(value)); };
  const auto u16 = [&](std::uint16_t value) {
    u8(value >> 8);
    u8(value & 0xff);
  };
  constexpr std::uint16_t kRecursionDesired = 0x0100;
  for (const std::uint16_t part : {id, kRecursionDesired, std::uint16_t{1}, std::uint16_t{0},
                                   std::uint16_t{0}, std::uint16_t{0}})
    u16(part);
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    u8(label.size());
    for (const char c : label) u8(static_cast<unsigned char>(c));
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  u8(0);
  u16(type);
  u16(kInternet);
  return message;
}

std::optional<DnsMessage> parse_dns(std::span<const std::byte> bytes, std::size_t whole_size) {
  Reader reader(bytes);
  DnsMessage dns;
  dns.id = reader.u16();
  const unsigned flags = reader.u16();
  const unsigned questions = reader.u16();
  dns.answer_count = reader.u16();
  const unsigned authorities = reader.u16();
  const unsigned others = reader.u16();
  constexpr unsigned kOpcode = 0x7800;
  if (reader.failed() || (flags & kOpcode) != 0) return std::nullopt;
  dns.is_answer = (flags & 0x8000) != 0;
  dns.truncated = (flags & 0x0200) != 0;
  dns.rcode = flags & 0xf;
  for (unsigned i = 0; i < questions; ++i) {
    std::string name = reader.name();
    const std::uint16_t type = reader.u16();
    reader.skip(2);
    if (reader.failed()) return std::nullopt;
    if (i != 0) continue;
    dns.name = std::move(name);
    dns.type = type;
  }
  const unsigned records = dns.answer_count + authorities + others;
  for (unsigned i = 0; i < records; ++i) {
    bool is_nonsense = false;
    if (read_record(reader, bytes, dns, i < dns.answer_count, is_nonsense)) continue;
    // A server that sets "truncated" may end the message anywhere.
    const bool may_end = whole_size > bytes.size() || dns.truncated;
    if (is_nonsense || !may_end) return std::nullopt;
    dns.is_cut = i < dns.answer_count;
    break;
  }
  return dns;
}

void DnsStream::push(std::uint32_t sequence, std::span<const std::byte> bytes,
                     std::size_t whole_size,
                     const std::function<void(std::span<const std::byte>)>& take) {
  if (whole_size < bytes.size()) whole_size = bytes.size();
  if (next_) {
    // Sequence numbers wrap around, so the sign of the difference says which is later.
    const auto ahead = static_cast<std::int32_t>(sequence - *next_);
    if (ahead > 0) {
      buffer_.clear();
    } else if (ahead < 0) {
      const std::size_t known = 0u - static_cast<std::uint32_t>(ahead);
      if (known >= whole_size) return;
      bytes = bytes.subspan(std::min(known, bytes.size()));
      whole_size -= known;
      sequence = *next_;
    }
  }
  next_ = sequence + static_cast<std::uint32_t>(whole_size);
  const bool is_cut = bytes.size() < whole_size;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  std::size_t at = 0;
  while (buffer_.size() - at >= 2) {
    const std::size_t size = std::to_integer<std::size_t>(buffer_[at]) << 8 |
                             std::to_integer<std::size_t>(buffer_[at + 1]);
    if (buffer_.size() - at - 2 < size) break;
    take(std::span(buffer_).subspan(at + 2, size));
    at += 2 + size;
  }
  if (is_cut) at = buffer_.size();
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace sockscope
