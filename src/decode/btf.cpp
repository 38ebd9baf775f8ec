// SPDX-License-Identifier: Apache-2.0
#include "decode/btf.h"

#include <linux/btf.h>

#include <cstring>
#include <optional>
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

  std::string_view name_of(const btf_type& type) const {
    if (type.name_off >= names_.size()) return {};
    return reinterpret_cast<const char*>(names_.data()) + type.name_off;
  }

 private:
  std::span<const std::byte> types_;
  std::span<const std::byte> names_;  // ends with a 0
  std::vector<std::uint32_t> starts_;
};

}  // namespace

bool find_targets(std::span<const std::byte> btf, KernelTargets& targets) {
  Types types;
  if (!types.open(btf)) return false;
  struct Found {
    KernelTarget* target;
    btf_type type;
  };
  std::vector<Found> found;
  std::string name;
  const bool is_whole = types.walk([&](std::uint32_t id, const btf_type& type) {
    const std::uint32_t kind = BTF_INFO_KIND(type.info);
    if (kind != BTF_KIND_FUNC && kind != BTF_KIND_TYPEDEF) return;
    name = types.name_of(type);
    if ((kind == BTF_KIND_TYPEDEF) != name.starts_with("btf_trace_")) return;
    const auto wanted = targets.find(name);
    if (wanted == targets.end() || wanted->second.id != 0) return;
    wanted->second.id = id;
    found.push_back({&wanted->second, type});
  });
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
