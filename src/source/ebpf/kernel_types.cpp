// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/kernel_types.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fd.h"

namespace sockscope {

KernelTypes::KernelTypes() = default;
KernelTypes::~KernelTypes() = default;

void KernelTypes::Deleter::operator()(btf* types) const {
  btf__free(types);
}

btf* KernelTypes::types() {
  if (!tried_) {
    tried_ = true;
    types_.reset(btf__load_vmlinux_btf());
  }
  return types_.get();
}

std::optional<int> KernelTypes::function_parameters(const std::string& name) {
  if (!types()) return std::nullopt;
  const int id = btf__find_by_name_kind(types_.get(), name.c_str(), BTF_KIND_FUNC);
  if (id < 0) return std::nullopt;
  const btf_type* function = btf__type_by_id(types_.get(), static_cast<std::uint32_t>(id));
  return btf_vlen(btf__type_by_id(types_.get(), function->type));
}

std::optional<int> KernelTypes::tracepoint_parameters(const std::string& name) {
  if (!types()) return std::nullopt;
  const int id =
      btf__find_by_name_kind(types_.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF);
  if (id < 0) return std::nullopt;
  const btf_type* pointer = btf__type_by_id(
      types_.get(), btf__type_by_id(types_.get(), static_cast<std::uint32_t>(id))->type);
  // The first is the tracepoint's own.
  return btf_vlen(btf__type_by_id(types_.get(), pointer->type)) - 1;
}

Refusal function_door_refusal() {
  // "return 0", for type number 1, which is never a function: refused as such where functions can
  // be probed at all.
  std::array<bpf_insn, 2> program{};
  program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[1].code = BPF_JMP | BPF_EXIT;
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_TRACE_FEXIT;
  options.attach_btf_id = 1;
  const Fd loaded(bpf_prog_load(BPF_PROG_TYPE_TRACING, "sockscope_ask", "GPL", program.data(),
                                program.size(), &options));
  if (loaded || errno != EPERM) return {};
  return {RefusalReason::kBarred, {}, EPERM};
}

Refusal probe_door_refusal() {
  if (::access("/sys/bus/event_source/devices/kprobe/type", R_OK) == 0) return {};
  return {RefusalReason::kNoKprobes};
}

}  // namespace sockscope
