// SPDX-License-Identifier: Apache-2.0
#include "decode/btf.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
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
  KernelTargets targets{{"tcp_recvmsg", {}},
                        {"btf_trace_inet_sock_set_state", {}},
                        {"btf_trace_of_no_function", {}},
                        {"not_wanted", {}},
                        {"no_such_function", {}}};
  ASSERT_TRUE(find_targets(written.bytes(), targets));
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

TEST(Btf, CutAndChangedBytesAreNeverReadBeyond) {
  const std::vector<std::byte> whole = Written().bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // In memory of exactly this size, so that the sanitizer notices a read beyond it.
    const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<long>(size));
    KernelTargets targets{{"tcp_recvmsg", {}}};
    EXPECT_FALSE(find_targets(cut, targets)) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int value : {0, 1, 0x7f, 0xff}) {
      std::vector<std::byte> changed = whole;
      changed[at] = static_cast<std::byte>(value);
      KernelTargets targets{{"tcp_recvmsg", {}}, {"btf_trace_inet_sock_set_state", {}}};
      find_targets(changed, targets);
      EXPECT_EQ(targets.size(), 2u);
    }
}

}  // namespace
}  // namespace sockscope
