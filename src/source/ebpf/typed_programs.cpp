// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/typed_programs.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>

namespace sockscope {
namespace {

constexpr std::string_view kMark = "sockscope/";
// libbpf reads the kernel's types for every program of type TRACING, so it is told another type
// until the moment of loading.
constexpr bpf_prog_type kUntilLoaded = BPF_PROG_TYPE_RAW_TRACEPOINT;

struct Section {
  const char* name;
  bpf_attach_type attach_type;
  std::string_view target_prefix;  // of its targets in KernelTargets
};
constexpr std::array<Section, 4> kSections = {{
    {"sockscope/tp_btf+", BPF_TRACE_RAW_TP, "btf_trace_"},
    {"sockscope/fentry+", BPF_TRACE_FENTRY, ""},
    {"sockscope/fexit+", BPF_TRACE_FEXIT, ""},
    {"sockscope/iter+", BPF_TRACE_ITER, "bpf_iter_"},
}};

thread_local const KernelTargets* loading_for = nullptr;

// The section's name as written, without libbpf's mark for "not loaded automatically".
std::string_view section_of(const bpf_program* program) {
  std::string_view section = bpf_program__section_name(program);
  if (section.starts_with('?')) section.remove_prefix(1);
  return section;
}

const Section* find_section(const bpf_program* program) {
  const std::string_view section = section_of(program);
  for (const Section& known : kSections) {
    const std::string_view name(known.name);
    if (section.starts_with(name.substr(0, name.size() - 1))) return &known;
  }
  return nullptr;
}

int prepare(bpf_program* program, bpf_prog_load_opts* options, long) {
  const auto target =
      loading_for ? loading_for->find(target_name(program)) : KernelTargets::const_iterator();
  if (!loading_for || target == loading_for->end() || target->second.id == 0) return -ESRCH;
  options->attach_btf_id = target->second.id;
  return bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
}

Error cannot_keep(int error) {
  return Error::from_errno(ErrorKind::kIo, error, "keep the types that the programs need");
}

}  // namespace

std::string_view attach_point_of(const bpf_program* program) {
  std::string_view section = section_of(program);
  if (section.starts_with(kMark)) section.remove_prefix(kMark.size());
  return section;
}

std::string target_of(const bpf_program* program) {
  const std::string_view point = attach_point_of(program);
  return std::string(point.substr(std::min(point.find('/') + 1, point.size())));
}

std::string target_name(const bpf_program* program) {
  const Section* const section = find_section(program);
  return section == nullptr ? "" : std::string(section->target_prefix) + target_of(program);
}

bpf_prog_type type_of(const bpf_program* program) {
  return find_section(program) != nullptr ? BPF_PROG_TYPE_TRACING : bpf_program__type(program);
}

Result<void> register_sections() {
  static std::once_flag once;
  static int failed = 0;
  std::call_once(once, [] {
    libbpf_prog_handler_opts options{};
    options.sz = sizeof options;
    options.prog_prepare_load_fn = prepare;
    for (const Section& section : kSections)
      if (const int number = libbpf_register_prog_handler(section.name, kUntilLoaded,
                                                          section.attach_type, &options);
          number < 0 && failed == 0)
        failed = -number;
  });
  if (failed == 0) return {};
  return tl::make_unexpected(
      Error::from_errno(ErrorKind::kLoadFailed, failed, "prepare loading the programs"));
}

TypeNames type_names_of(const bpf_object* object) {
  TypeNames names;
  const btf* const types = bpf_object__btf(object);
  if (types == nullptr) return names;
  for (std::uint32_t id = 1; id < btf__type_cnt(types); ++id) {
    const btf_type* const type = btf__type_by_id(types, id);
    if (!btf_is_composite(type) && !btf_is_any_enum(type) && !btf_is_typedef(type)) continue;
    // What follows three underscores distinguishes versions of a type, and is not in the kernel.
    const std::string_view name = btf__name_by_offset(types, type->name_off);
    names.emplace(name.substr(0, name.find("___")));
  }
  names.erase("");
  return names;
}

Result<ExcerptFile> ExcerptFile::make() {
  Fd file(::memfd_create("kernel types", MFD_CLOEXEC));
  if (!file) return tl::make_unexpected(cannot_keep(errno));
  return ExcerptFile(std::move(file));
}

const char* ExcerptFile::path() const noexcept {
  return ::access(path_.c_str(), R_OK) == 0 ? path_.c_str() : nullptr;
}

Result<void> ExcerptFile::write(std::span<const std::byte> excerpt) {
  while (!excerpt.empty()) {
    const ssize_t count = ::write(file_.get(), excerpt.data(), excerpt.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return tl::make_unexpected(cannot_keep(count < 0 ? errno : EIO));
    excerpt = excerpt.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

LoadingFor::LoadingFor(const KernelTargets& targets) noexcept {
  loading_for = &targets;
}
LoadingFor::~LoadingFor() {
  loading_for = nullptr;
}

}  // namespace sockscope
