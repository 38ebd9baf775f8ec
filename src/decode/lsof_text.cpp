// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>
#include <utility>

#include "decode/capture_support.h"
#include "decode/captures.h"
#include "decode/endpoint_text.h"
#include "decode/text_scan.h"

namespace sockscope {
namespace {

// lsof writes unprintable bytes as \xHH, which is decoded here, and some as \n or ^X, which stay as
// they are.
std::string unescape(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && text.size() - i >= 4 && text[i + 1] == 'x') {
      if (const auto code = to_number<unsigned>(text.substr(i + 2, 2), 16)) {
        name += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    name += text[i];
  }
  return name;
}

// The lines about one open file.
struct OpenFile {
  std::string_view protocol;
  std::string_view type;
  std::string_view name;
  TcpState state = TcpState::kNone;
};

class LsofReader {
 public:
  void line(std::string_view line) {
    const std::string_view value = line.substr(1);
    switch (line[0]) {
      case 'p':
        end_file();
        owner_ = {};
        if (const auto pid = to_number<std::uint32_t>(value)) {
          owner_.pid = *pid;
          owner_.kind = OwnerKind::kBootstrap;
        }
        break;
      case 'c': set_comm(owner_, unescape(value)); break;
      case 'u': owner_.uid = to_number<std::uint32_t>(value); break;
      case 'f': end_file(); break;
      // If 'f' is not among the requested fields, the type is the first line of a file.
      case 't':
        if (has_begun()) end_file();
        file_.type = value;
        break;
      case 'P':
        if (has_begun()) end_file();
        file_.protocol = value;
        break;
      case 'n':
        if (!file_.name.empty()) end_file();
        file_.name = value;
        break;
      case 'T':
        if (value.starts_with("ST=")) file_.state = parse_tcp_state(value.substr(3));
        break;
      default: break;
    }
  }

  Capture end() {
    end_file();
    return std::move(capture_);
  }

 private:
  bool has_begun() const { return !file_.protocol.empty() || !file_.name.empty(); }

  void end_file() {
    const OpenFile file = std::exchange(file_, {});
    if (file.protocol != "TCP" && file.protocol != "UDP") return;
    Flow flow;
    flow.has_counters = false;
    flow.owner = owner_;
    flow.protocol = file.protocol == "TCP" ? Protocol::kTcp : Protocol::kUdp;
    if (flow.protocol == Protocol::kTcp) flow.state = file.state;
    if (flow.state == TcpState::kListen) flow.direction = Direction::kListen;
    const std::uint8_t family = file.type == "IPv6" ? 6 : 4;
    const std::size_t arrow = file.name.find("->");
    const auto local = parse_endpoint(file.name.substr(0, arrow), ':', family);
    if (!local) {
      ++capture_.malformed;
      return;
    }
    flow.local = *local;
    flow.remote.addr.family = flow.local.addr.family;
    if (arrow != std::string_view::npos) {
      const auto remote = parse_endpoint(file.name.substr(arrow + 2), ':', family);
      if (!remote) {
        ++capture_.malformed;
        return;
      }
      flow.remote = *remote;
      // Several processes, or several descriptors of one, may hold the same socket: only the first
      // is kept.
      if (!connected_.insert(std::string(file.protocol) + std::string(file.name)).second) return;
    }
    capture_.flows.push_back(flow);
  }

  Capture capture_;
  Owner owner_;
  OpenFile file_;
  std::set<std::string> connected_;
};

}  // namespace

Capture parse_lsof(std::string_view text) {
  LsofReader reader;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (!line.empty()) reader.line(line);
  }
  return reader.end();
}

}  // namespace sockscope
