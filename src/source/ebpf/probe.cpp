// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <string_view>

#include "base/fd.h"
#include "source/ebpf/typed_programs.h"

namespace sockscope {
namespace {

// Loads the program {first, exit}. Returns errno; 0: the kernel accepted it.
int load(const bpf_program* program, std::uint32_t target, bpf_insn first,
         std::span<char> verifier_words = {}) {
  std::array<bpf_insn, 2> instructions{first, {}};
  instructions[1].code = BPF_JMP | BPF_EXIT;
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = bpf_program__expected_attach_type(program);
  options.attach_btf_id = target;
  if (!verifier_words.empty()) {
    options.log_level = 1;
    options.log_buf = verifier_words.data();
    options.log_size = static_cast<std::uint32_t>(verifier_words.size());
  }
  const Fd loaded(bpf_prog_load(type_of(program), bpf_program__name(program), "GPL",
                                instructions.data(), instructions.size(), &options));
  return loaded ? 0 : errno;
}

}  // namespace

int probe_program(const bpf_program* program, std::uint32_t target) {
  bpf_insn result{};
  result.code = BPF_ALU64 | BPF_MOV | BPF_K;
  result.imm = target == 0 ? 1 : 0;  // cgroup programs return 1 for "go on"; most others must
                                     // return 0
  return load(program, target, result);
}

bool lacks_helper(const bpf_program* program, std::uint32_t target, int helper) {
  bpf_insn call{};
  call.code = BPF_JMP | BPF_CALL;
  call.imm = helper;
  std::array<char, 4096> words{};
  if (load(program, target, call, words) == 0) return false;
  // If the helper exists, the verifier objects to its arguments instead.
  const std::string_view said(words.data());
  return said.find("unknown func") != said.npos || said.find("cannot use helper") != said.npos;
}

Refusal probe_door_refusal() {
  if (::access("/sys/bus/event_source/devices/kprobe/type", R_OK) == 0) return {};
  return {RefusalReason::kNoKprobes};
}

}  // namespace sockscope
