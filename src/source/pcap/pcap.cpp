// SPDX-License-Identifier: Apache-2.0
#include "source/pcap/pcap.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pcap/pcap.h>

#include <cerrno>

namespace sockscope {
namespace {

constexpr int kReadTimeoutMs = 50;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr int kLinkTypeRaw = 101;

// If libpcap were linked, every command would load it and the ten libraries that it needs. Loaded
// on demand, it need not be installed for commands that capture nothing (docs/decisions/0007).
struct Library {
  decltype(&::pcap_create) create;
  decltype(&::pcap_set_snaplen) set_snaplen;
  decltype(&::pcap_set_timeout) set_timeout;
  decltype(&::pcap_set_buffer_size) set_buffer_size;
  decltype(&::pcap_set_immediate_mode) set_immediate_mode;
  decltype(&::pcap_set_tstamp_precision) set_tstamp_precision;
  decltype(&::pcap_activate) activate;
  decltype(&::pcap_datalink) datalink;
  decltype(&::pcap_set_datalink) set_datalink;
  decltype(&::pcap_compile) compile;
  decltype(&::pcap_setfilter) setfilter;
  decltype(&::pcap_freecode) freecode;
  decltype(&::pcap_setnonblock) setnonblock;
  decltype(&::pcap_get_selectable_fd) get_selectable_fd;
  decltype(&::pcap_next_ex) next_ex;
  decltype(&::pcap_stats) stats;
  decltype(&::pcap_geterr) geterr;
  decltype(&::pcap_statustostr) statustostr;
  decltype(&::pcap_close) close;
};

template <class Function>
bool find(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

bool find_all(void* handle, Library& library) {
  return find(handle, "pcap_create", library.create) &&
         find(handle, "pcap_set_snaplen", library.set_snaplen) &&
         find(handle, "pcap_set_timeout", library.set_timeout) &&
         find(handle, "pcap_set_buffer_size", library.set_buffer_size) &&
         find(handle, "pcap_set_immediate_mode", library.set_immediate_mode) &&
         find(handle, "pcap_set_tstamp_precision", library.set_tstamp_precision) &&
         find(handle, "pcap_activate", library.activate) &&
         find(handle, "pcap_datalink", library.datalink) &&
         find(handle, "pcap_set_datalink", library.set_datalink) &&
         find(handle, "pcap_compile", library.compile) &&
         find(handle, "pcap_setfilter", library.setfilter) &&
         find(handle, "pcap_freecode", library.freecode) &&
         find(handle, "pcap_setnonblock", library.setnonblock) &&
         find(handle, "pcap_get_selectable_fd", library.get_selectable_fd) &&
         find(handle, "pcap_next_ex", library.next_ex) &&
         find(handle, "pcap_stats", library.stats) && find(handle, "pcap_geterr", library.geterr) &&
         find(handle, "pcap_statustostr", library.statustostr) &&
         find(handle, "pcap_close", library.close);
}

// Null: libpcap is not installed. Once loaded it stays loaded.
const Library* load_library() {
  static const Library* const loaded = []() -> const Library* {
    static Library library;
    // Debian's name, and the name elsewhere.
    for (const char* name : {"libpcap.so.0.8", "libpcap.so.1"})
      if (void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
          handle != nullptr && find_all(handle, library))
        return &library;
    return nullptr;
  }();
  return loaded;
}

}  // namespace

struct Pcap::Impl {
  const Library* library = nullptr;
  pcap_t* handle = nullptr;
  int fd = -1;
  std::uint16_t link_type = 0;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (handle != nullptr) library->close(handle);
  }

  Error failed(ErrorKind kind, std::string doing) const {
    return Error(kind, {}, std::move(doing)).with_detail(library->geterr(handle));
  }
  Result<void> activate(const PcapOptions& options);
  Result<void> set_filter(const std::string& filter);
};

Result<void> Pcap::Impl::activate(const PcapOptions& options) {
  const std::string doing = "capture on " + options.interface;
  library->set_snaplen(handle, static_cast<int>(options.snap_length));
  library->set_timeout(handle, kReadTimeoutMs);
  library->set_buffer_size(handle, static_cast<int>(options.buffer_bytes));
  if (options.at_once) library->set_immediate_mode(handle, 1);
  library->set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
  switch (const int status = library->activate(handle); status) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      return tl::make_unexpected(Error::from_errno(ErrorKind::kNotPermitted, EPERM, doing)
                                     .with_detail("only processes with CAP_NET_RAW may see packets")
                                     .with_hint("run with sudo"));
    case PCAP_ERROR_NO_SUCH_DEVICE:
    case PCAP_ERROR_IFACE_NOT_UP:
      return tl::make_unexpected(
          Error(ErrorKind::kInvalidArgument, {}, doing)
              .with_detail(library->statustostr(status))
              .with_hint("'ip link' shows the interfaces; without -i all of them are captured"));
    default:
      if (status < 0) return tl::make_unexpected(failed(ErrorKind::kIo, doing));
  }
  // For the device "any", only this link type names the interface; an old libpcap does not have it.
  if (library->datalink(handle) == DLT_LINUX_SLL) library->set_datalink(handle, DLT_LINUX_SLL2);
  const int link = library->datalink(handle);
  link_type = static_cast<std::uint16_t>(link == DLT_RAW ? kLinkTypeRaw : link);
  char why[PCAP_ERRBUF_SIZE] = "";
  if (library->setnonblock(handle, 1, why) != 0)
    return tl::make_unexpected(Error(ErrorKind::kIo, {}, doing).with_detail(why));
  fd = library->get_selectable_fd(handle);
  if (fd < 0)
    return tl::make_unexpected(
        Error(ErrorKind::kIo, {}, doing).with_detail("it cannot be waited for"));
  // libpcap's descriptor would be inherited by programs that the caller starts.
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, doing));
  return set_filter(options.filter);
}

Result<void> Pcap::Impl::set_filter(const std::string& filter) {
  if (filter.empty()) return {};
  bpf_program program{};
  if (library->compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
    return tl::make_unexpected(
        failed(ErrorKind::kInvalidArgument, "understand the packet filter '" + filter + "'")
            .with_hint("see 'man pcap-filter' for the language"));
  const bool is_set = library->setfilter(handle, &program) == 0;
  library->freecode(&program);
  if (!is_set) return tl::make_unexpected(failed(ErrorKind::kIo, "use the packet filter"));
  return {};
}

Result<Pcap> Pcap::open(const PcapOptions& options) {
  const Library* library = load_library();
  if (library == nullptr)
    return tl::make_unexpected(
        Error(ErrorKind::kUnsupportedPlatform, {}, "capture packets")
            .with_detail("libpcap is not installed")
            .with_hint("install it: libpcap0.8 on Debian and Ubuntu, libpcap "
                       "elsewhere"));
  auto impl = std::make_unique<Impl>();
  impl->library = library;
  char why[PCAP_ERRBUF_SIZE] = "";
  impl->handle = library->create(options.interface.c_str(), why);
  if (impl->handle == nullptr)
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {}, "capture on " + options.interface).with_detail(why));
  if (auto done = impl->activate(options); !done)
    return tl::make_unexpected(std::move(done).error());
  return Pcap(std::move(impl));
}

Pcap::Pcap(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Pcap::Pcap(Pcap&&) noexcept = default;
Pcap& Pcap::operator=(Pcap&&) noexcept = default;
Pcap::~Pcap() = default;

int Pcap::fd() const noexcept {
  return impl_->fd;
}
std::uint16_t Pcap::link_type() const noexcept {
  return impl_->link_type;
}

Result<bool> Pcap::next(CapturedPacket& packet) {
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  const int status = impl_->library->next_ex(impl_->handle, &header, &bytes);
  if (status == 0) return false;
  if (status < 0) return tl::make_unexpected(impl_->failed(ErrorKind::kIo, "read packets"));
  packet.wall_ns = static_cast<std::uint64_t>(header->ts.tv_sec) * kSecond +
                   static_cast<std::uint64_t>(header->ts.tv_usec);  // nanoseconds, as requested
  packet.wire_size = header->len;
  packet.bytes = {reinterpret_cast<const std::byte*>(bytes), header->caplen};
  return true;
}

std::uint64_t Pcap::dropped() const {
  pcap_stat counts{};
  return impl_->library->stats(impl_->handle, &counts) == 0 ? counts.ps_drop : 0;
}

}  // namespace sockscope
