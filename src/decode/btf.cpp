// SPDX-License-Identifier: Apache-2.0
#include "decode/btf.h"

#include <linux/btf.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace sockscope {
namespace {

// The oldest <linux/btf.h> that we build with does not have these.
constexpr std::uint32_t kDeclTag = 17;
constexpr std::uint32_t kTypeTag = 18;
constexpr std::uint32_t kEnum64 = 19;

// How many bytes follow a type's header. Empty: an unknown kind, so nothing after it can be read.
std::optional<std::size_t> tail_of(std::uint32_t kind, std::size_t members) {
  switch (kind) {
    case BTF_KIND_PTR:
    case BTF_KIND_FWD:
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_FUNC:
    case BTF_KIND_FLOAT:
    case kTypeTag: return 0;
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case kDeclTag: return 4;
    case BTF_KIND_ARRAY: return 12;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
    case BTF_KIND_DATASEC:
    case kEnum64: return 12 * members;
    case BTF_KIND_ENUM:
    case BTF_KIND_FUNC_PROTO: return 8 * members;
    default: return std::nullopt;
  }
}

class Types {
 public:
  bool open(std::span<const std::byte> btf) {
    btf_header header{};
    if (btf.size() < sizeof header) return false;
    std::memcpy(&header, btf.data(), sizeof header);
    if (header.magic != BTF_MAGIC || header.hdr_len < sizeof header || header.hdr_len > btf.size())
      return false;
    const auto body = btf.subspan(header.hdr_len);
    const auto part = [&](std::uint32_t offset, std::uint32_t size) -> std::span<const std::byte> {
      if (offset > body.size() || size > body.size() - offset) return {};
      return body.subspan(offset, size);
    };
    types_ = part(header.type_off, header.type_len);
    names_ = part(header.str_off, header.str_len);
    return !types_.empty() && !names_.empty() && names_.back() == std::byte{0};
  }

  // Calls handle(id, type) for each type. False: the data is truncated, or contains an unknown
  // kind.
  template <class Handle>
  bool walk(Handle&& handle) {
    starts_ = {0};  // type 0 is void and not stored
    for (std::size_t at = 0; at < types_.size();) {
      if (types_.size() - at < sizeof(btf_type)) return false;
      btf_type type{};
      std::memcpy(&type, types_.data() + at, sizeof type);
      const auto tail = tail_of(BTF_INFO_KIND(type.info), BTF_INFO_VLEN(type.info));
      if (!tail || *tail > types_.size() - at - sizeof type) return false;
      starts_.push_back(static_cast<std::uint32_t>(at));
      handle(static_cast<std::uint32_t>(starts_.size() - 1), type);
      at += sizeof type + *tail;
    }
    return true;
  }

  std::optional<btf_type> at(std::uint32_t id) const {
    if (id == 0 || id >= starts_.size()) return std::nullopt;
    btf_type type{};
    std::memcpy(&type, types_.data() + starts_[id], sizeof type);
    return type;
  }

  // What follows the type's header.
  std::span<const std::byte> tail_at(std::uint32_t id) const {
    const auto type = at(id);
    if (!type) return {};
    const std::size_t size = *tail_of(BTF_INFO_KIND(type->info), BTF_INFO_VLEN(type->info));
    return types_.subspan(starts_[id] + sizeof(btf_type), size);
  }

  std::string_view name_at(std::uint32_t offset) const {
    if (offset >= names_.size()) return {};
    return reinterpret_cast<const char*>(names_.data()) + offset;
  }

 private:
  std::span<const std::byte> types_;
  std::span<const std::byte> names_;  // ends with a 0
  std::vector<std::uint32_t> starts_;
};

// Makes the excerpt.
class Excerpt {
 public:
  explicit Excerpt(const Types& from) : from_(from), strings_(1, '\0') {}

  // The type's number in the excerpt; 0 is void.
  std::uint32_t add(std::uint32_t id) {
    constexpr int kDeepest = 200;  // the kernel's types are not nested as deeply
    if (depth_ == kDeepest) return 0;
    if (const auto known = numbers_.find(id); known != numbers_.end()) return known->second;
    const auto type = from_.at(id);
    if (!type || BTF_INFO_KIND(type->info) == BTF_KIND_FUNC_PROTO) return 0;
    const auto number = static_cast<std::uint32_t>(types_.size() + 1);
    numbers_.emplace(id, number);
    types_.emplace_back();
    ++depth_;
    std::vector<std::byte> written = write(id, *type);  // adds others
    --depth_;
    types_[number - 1] = std::move(written);
    return number;
  }

  std::vector<std::byte> bytes() const {
    btf_header header{};
    header.magic = BTF_MAGIC;
    header.version = BTF_VERSION;
    header.hdr_len = sizeof header;
    for (const auto& type : types_) header.type_len += static_cast<std::uint32_t>(type.size());
    header.str_off = header.type_len;
    header.str_len = static_cast<std::uint32_t>(strings_.size());
    std::vector<std::byte> all;
    all.reserve(sizeof header + header.type_len + header.str_len);
    append(all, &header, sizeof header);
    for (const auto& type : types_) append(all, type.data(), type.size());
    append(all, strings_.data(), strings_.size());
    return all;
  }

 private:
  static void append(std::vector<std::byte>& to, const void* bytes, std::size_t size) {
    const auto* const first = static_cast<const std::byte*>(bytes);
    to.insert(to.end(), first, first + size);
  }

  // Where the name is among the excerpt's.
  std::uint32_t name(std::uint32_t offset) {
    if (offset == 0) return 0;
    const auto [place, is_new] =
        names_.try_emplace(offset, static_cast<std::uint32_t>(strings_.size()));
    if (is_new) {
      strings_ += from_.name_at(offset);
      strings_ += '\0';
    }
    return place->second;
  }

  std::vector<std::byte> write(std::uint32_t id, btf_type type) {
    const std::uint32_t kind = BTF_INFO_KIND(type.info);
    std::vector<std::byte> tail(from_.tail_at(id).begin(), from_.tail_at(id).end());
    type.name_off = name(type.name_off);
    const auto each = [&tail]<class Element>(Element, auto&& change) {
      for (std::size_t at = 0; at + sizeof(Element) <= tail.size(); at += sizeof(Element)) {
        Element element{};
        std::memcpy(&element, tail.data() + at, sizeof element);
        change(element);
        std::memcpy(tail.data() + at, &element, sizeof element);
      }
    };
    switch (kind) {
      case BTF_KIND_PTR: type.type = 0; break;
      case BTF_KIND_TYPEDEF:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_CONST:
      case BTF_KIND_RESTRICT:
      case kTypeTag: type.type = add(type.type); break;
      case BTF_KIND_ARRAY:
        each(btf_array{}, [this](btf_array& array) {
          array.type = add(array.type);
          array.index_type = add(array.index_type);
        });
        break;
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
        each(btf_member{}, [this](btf_member& member) {
          member.name_off = name(member.name_off);
          member.type = add(member.type);
        });
        break;
      case BTF_KIND_ENUM:
        each(btf_enum{}, [this](btf_enum& value) { value.name_off = name(value.name_off); });
        break;
      case kEnum64:  // three numbers, of which the first is the name
        each(std::array<std::uint32_t, 3>{},
             [this](std::array<std::uint32_t, 3>& value) { value[0] = name(value[0]); });
        break;
      default: break;
    }
    std::vector<std::byte> written;
    append(written, &type, sizeof type);
    append(written, tail.data(), tail.size());
    return written;
  }

  const Types& from_;
  int depth_ = 0;
  std::string strings_;  // each ends with a 0
  std::vector<std::vector<std::byte>> types_;
  std::unordered_map<std::uint32_t, std::uint32_t> numbers_;  // by the number in the whole
  std::unordered_map<std::uint32_t, std::uint32_t> names_;    // the same for names
};

// Whether a program may refer to such a type by its name.
bool is_named_type(std::uint32_t kind) {
  return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM ||
         kind == kEnum64 || kind == BTF_KIND_TYPEDEF;
}

}  // namespace

bool read_types(std::span<const std::byte> btf, const TypeNames& names, KernelTypes& wanted) {
  Types types;
  if (!types.open(btf)) return false;
  struct Found {
    KernelTarget* target;
    btf_type type;
  };
  std::vector<Found> found;
  std::vector<std::uint32_t> named;
  const bool is_whole = types.walk([&](std::uint32_t id, const btf_type& type) {
    const std::uint32_t kind = BTF_INFO_KIND(type.info);
    if (kind != BTF_KIND_FUNC && !is_named_type(kind)) return;
    const std::string_view name = types.name_at(type.name_off);
    const bool is_tracepoint = kind == BTF_KIND_TYPEDEF && name.starts_with("btf_trace_");
    if (kind != BTF_KIND_FUNC && !is_tracepoint) {
      if (names.contains(name)) named.push_back(id);
      return;
    }
    const auto target = wanted.targets.find(name);
    if (target == wanted.targets.end() || target->second.id != 0) return;
    target->second.id = id;
    found.push_back({&target->second, type});
  });
  Excerpt excerpt(types);
  for (const std::uint32_t id : named) excerpt.add(id);
  wanted.excerpt = excerpt.bytes();
  for (const auto& [target, type] : found) {
    auto prototype = types.at(type.type);
    const bool is_tracepoint = BTF_INFO_KIND(type.info) == BTF_KIND_TYPEDEF;
    if (is_tracepoint && prototype)
      prototype = types.at(prototype->type);  // the type is a pointer
                                              // to it
    if (!prototype || BTF_INFO_KIND(prototype->info) != BTF_KIND_FUNC_PROTO) {
      target->id = 0;
      continue;
    }
    // A tracepoint's first parameter is its own data.
    target->parameters = static_cast<int>(BTF_INFO_VLEN(prototype->info)) - (is_tracepoint ? 1 : 0);
  }
  return is_whole;
}

}  // namespace sockscope
