// SPDX-License-Identifier: Apache-2.0
#include "source/procfs/socket_tables.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/fd.h"
#include "decode/proc_net.h"

namespace sockscope {
namespace {

constexpr std::size_t kBuffer = std::size_t{64} << 10;

}  // namespace

std::size_t SocketTables::Hash::operator()(const Ends& ends) const noexcept {
  std::uint64_t hash = std::uint64_t{ends.local.port} << 16 | ends.remote.port;
  for (const Address* address : {&ends.local.addr, &ends.remote.addr}) {
    std::uint64_t words[2];
    std::memcpy(words, address->bytes.data(), sizeof words);
    for (const std::uint64_t word : words) hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  }
  return hash ^ hash >> 32;
}

Result<std::unique_ptr<SocketTables>> SocketTables::open(std::string proc) {
  const std::string path = proc + "/net/tcp";
  if (const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); !file) {
    const bool denied = errno == EACCES || errno == EPERM;
    return tl::make_unexpected(
        Error::from_errno(denied ? ErrorKind::kNotPermitted : ErrorKind::kKernelLacksFeature, errno,
                          "read the sockets from " + path)
            .with_detail(denied ? "an LSM keeps this process from it"
                                : "there is no such file here")
            .with_hint("mount proc on /proc"));
  }
  auto tables = std::make_unique<SocketTables>(std::move(proc));
  tables->doors_ = {
      {Observation::kTcpSockets, "/proc/net/tcp", {}},
      {Observation::kUdpSockets, "/proc/net/udp", {}},
      {Observation::kTcpFigures, "/proc/net/tcp", "it does not have them"},
      {Observation::kFinalFigures, "/proc/net/tcp", "it does not have them"},
  };
  return tables;
}

void SocketTables::name(PolledSocket& socket) {
  Flow& flow = socket.flow;
  if (flow.protocol != Protocol::kTcp || flow.remote.port == 0) {
    // Sockets may share an address, so the inode identifies them.
    flow.cookie = socket.inode != 0 ? socket.inode : next_number_++;
    return;
  }
  Named& named = connected_[{flow.local, flow.remote}];
  const bool is_other_inode = socket.inode != 0 && named.inode != 0 && socket.inode != named.inode;
  const bool is_reused = named.state == TcpState::kTimeWait && flow.state != TcpState::kTimeWait;
  if (named.number == 0 || is_other_inode || is_reused) {
    named.number = socket.inode != 0 ? socket.inode : next_number_++;
    named.inode = 0;
  }
  if (socket.inode != 0) named.inode = socket.inode;
  named.state = flow.state;
  named.pass = pass_;
  flow.cookie = named.number;
}

bool SocketTables::read_table(const char* name_of_table, Protocol protocol, const Handle& handle) {
  const std::string path = proc_ + "/net/" + name_of_table;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  std::string text;
  text.resize(kBuffer);
  std::size_t held = 0;
  bool is_heading = true;
  for (;;) {
    const ssize_t count = ::read(file.get(), text.data() + held, text.size() - held);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) break;
    held += static_cast<std::size_t>(count);
    std::string_view rest(text.data(), held);
    for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
      if (std::exchange(is_heading, false)) continue;
      auto socket = parse_socket_line(rest.substr(0, end), protocol);
      if (!socket) {
        ++lost_.malformed;
        continue;
      }
      name(*socket);
      handle(*socket);
    }
    held = rest.size();
    if (held == text.size()) {  // the kernel writes no line of this length
      ++lost_.malformed;
      held = 0;
    }
    std::memmove(text.data(), text.data() + (rest.data() - text.data()), held);
  }
  if (held != 0) ++lost_.malformed;
  return true;
}

Result<void> SocketTables::read(const Handle& handle) {
  ++pass_;
  if (!read_table("tcp", Protocol::kTcp, handle))
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kIo, errno, "read the sockets from " + proc_ + "/net/tcp"));
  // A host without IPv6 does not have the files of IPv6.
  read_table("tcp6", Protocol::kTcp, handle);
  read_table("udp", Protocol::kUdp, handle);
  read_table("udp6", Protocol::kUdp, handle);
  std::erase_if(connected_, [this](const auto& each) { return each.second.pass != pass_; });
  return {};
}

}  // namespace sockscope
