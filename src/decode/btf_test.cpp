// SPDX-License-Identifier: Apache-2.0
#include "decode/btf.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

namespace sockscope {
namespace {

// Type information written by libbpf: one type of every kind, with a function and a tracepoint
// among them.
class Written {
 public:
  Written() : btf_(btf__new_empty()) {
    const int number = btf__add_int(btf(), "int", 4, BTF_INT_SIGNED);
    btf__add_array(btf(), number, number, 3);
    btf__add_struct(btf(), "pair", 8);
    btf__add_field(btf(), "a", number, 0, 0);
    btf__add_field(btf(), "b", number, 32, 0);
    btf__add_enum(btf(), "choice", 4);
    btf__add_enum_value(btf(), "one", 1);
    btf__add_enum64(btf(), "wide", 8, false);
    btf__add_enum64_value(btf(), "big", 1ull << 40);
    btf__add_float(btf(), "double", 8);
    btf__add_var(btf(), "global", BTF_VAR_STATIC, number);
    btf__add_typedef(btf(), "not_wanted", number);
    const int called = btf__add_func_proto(btf(), number);
    btf__add_func_param(btf(), "sk", number);
    btf__add_func_param(btf(), "size", number);
    function = btf__add_func(btf(), "tcp_recvmsg", BTF_FUNC_STATIC, called);
    btf__add_decl_tag(btf(), "tag", function, -1);
    const int traced = btf__add_func_proto(btf(), 0);
    for (const char* name : {"__data", "sk", "old", "new"})
      btf__add_func_param(btf(), name, number);
    const int pointer = btf__add_ptr(btf(), traced);
    tracepoint = btf__add_typedef(btf(), "btf_trace_inet_sock_set_state", pointer);
    btf__add_typedef(btf(), "btf_trace_of_no_function", number);
    btf__add_type_tag(btf(), "rcu", number);
  }

  std::vector<std::byte> bytes() const {
    std::uint32_t size = 0;
    const auto* data = static_cast<const std::byte*>(btf__raw_data(btf(), &size));
    return {data, data + size};
  }

  int function = 0;
  int tracepoint = 0;

 private:
  struct Deleter {
    void operator()(struct btf* types) const { btf__free(types); }
  };
  struct btf* btf() const {
    return btf_.get();
  }
  std::unique_ptr<struct btf, Deleter> btf_;
};

TEST(Btf, FunctionsAndTracepointsAreFoundByName) {
  const Written written;
  KernelTypes types;
  KernelTargets& targets = types.targets;
  targets = {{"tcp_recvmsg", {}},
             {"btf_trace_inet_sock_set_state", {}},
             {"btf_trace_of_no_function", {}},
             {"not_wanted", {}},
             {"no_such_function", {}}};
  ASSERT_TRUE(read_types(written.bytes(), {}, types));
  EXPECT_EQ(targets["tcp_recvmsg"].id, static_cast<std::uint32_t>(written.function));
  EXPECT_EQ(targets["tcp_recvmsg"].parameters, 2);
  EXPECT_EQ(targets["btf_trace_inet_sock_set_state"].id,
            static_cast<std::uint32_t>(written.tracepoint));
  EXPECT_EQ(targets["btf_trace_inet_sock_set_state"].parameters, 3);
  EXPECT_EQ(targets["btf_trace_of_no_function"].id, 0u);
  EXPECT_EQ(targets["not_wanted"].id, 0u);
  EXPECT_EQ(targets["no_such_function"].id, 0u);
  EXPECT_EQ(targets.size(), 5u);
}

// libbpf itself reads the excerpt.
TEST(Btf, AnExcerptHasWhatTypesConsistOf) {
  std::unique_ptr<struct btf, decltype(&btf__free)> whole(btf__new_empty(), btf__free);
  struct btf* const from = whole.get();
  const int number = btf__add_int(from, "int", 4, BTF_INT_SIGNED);
  btf__add_struct(from, "not_wanted", 4);
  btf__add_field(from, "a", number, 0, 0);
  const int inner = btf__add_struct(from, "inner", 4);
  btf__add_field(from, "value", number, 0, 0);
  const int renamed = btf__add_typedef(from, "renamed", inner);
  const int constant = btf__add_const(from, renamed);
  const int many = btf__add_array(from, number, constant, 3);
  const int pointer = btf__add_ptr(from, inner);
  btf__add_struct(from, "outer", 24);
  btf__add_field(from, "many", many, 0, 0);
  btf__add_field(from, "next", pointer, 128, 0);
  btf__add_field(from, "bits", number, 96, 3);
  btf__add_enum(from, "choice", 4);
  btf__add_enum_value(from, "one", 1);
  btf__add_enum64(from, "wide", 8, false);
  btf__add_enum64_value(from, "big", 1ull << 40);
  std::uint32_t size = 0;
  const auto* const bytes = static_cast<const std::byte*>(btf__raw_data(from, &size));

  KernelTypes types;
  ASSERT_TRUE(read_types({bytes, size}, {"outer", "choice", "wide", "nowhere"}, types));
  const std::unique_ptr<struct btf, decltype(&btf__free)> excerpt(
      btf__new(types.excerpt.data(), static_cast<std::uint32_t>(types.excerpt.size())), btf__free);
  ASSERT_NE(excerpt, nullptr);
  const auto find = [&](const char* name, std::uint32_t kind) {
    const int id = btf__find_by_name_kind(excerpt.get(), name, kind);
    return id > 0 ? btf__type_by_id(excerpt.get(), static_cast<std::uint32_t>(id)) : nullptr;
  };
  const auto name_at = [&](std::uint32_t offset) {
    return std::string_view(btf__name_by_offset(excerpt.get(), offset));
  };
  EXPECT_EQ(find("not_wanted", BTF_KIND_STRUCT), nullptr);
  ASSERT_NE(find("inner", BTF_KIND_STRUCT), nullptr);
  ASSERT_NE(find("renamed", BTF_KIND_TYPEDEF), nullptr);
  const btf_type* const outer = find("outer", BTF_KIND_STRUCT);
  ASSERT_NE(outer, nullptr);
  EXPECT_EQ(outer->size, 24u);
  ASSERT_EQ(btf_vlen(outer), 3u);
  const btf_member* const members = btf_members(outer);
  EXPECT_EQ(name_at(members[0].name_off), "many");
  EXPECT_EQ(btf__resolve_size(excerpt.get(), members[0].type), 12);
  const btf_type* const next = btf__type_by_id(excerpt.get(), members[1].type);
  EXPECT_TRUE(btf_is_ptr(next));
  EXPECT_EQ(next->type, 0u);
  EXPECT_EQ(btf_member_bit_offset(outer, 1), 128u);
  EXPECT_EQ(btf_member_bitfield_size(outer, 2), 3u);
  const btf_type* const choice = find("choice", BTF_KIND_ENUM);
  ASSERT_NE(choice, nullptr);
  EXPECT_EQ(name_at(btf_enum(choice)[0].name_off), "one");
  const btf_type* const wide = find("wide", BTF_KIND_ENUM64);
  ASSERT_NE(wide, nullptr);
  EXPECT_EQ(btf_enum64_value(btf_enum64(wide)), 1ull << 40);
}

TEST(Btf, CutAndChangedBytesAreNeverReadBeyond) {
  const std::vector<std::byte> whole = Written().bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // In memory of exactly this size, so that the sanitizer notices a read beyond it.
    const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<long>(size));
    KernelTypes types{.targets = {{"tcp_recvmsg", {}}}, .excerpt = {}};
    EXPECT_FALSE(read_types(cut, {"pair"}, types)) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int value : {0, 1, 0x7f, 0xff}) {
      std::vector<std::byte> changed = whole;
      changed[at] = static_cast<std::byte>(value);
      KernelTypes types{.targets = {{"tcp_recvmsg", {}}, {"btf_trace_inet_sock_set_state", {}}},
                        .excerpt = {}};
      read_types(changed, {"pair", "choice", "wide", "outer"}, types);
      EXPECT_EQ(types.targets.size(), 2u);
    }
}

}  // namespace
}  // namespace sockscope
