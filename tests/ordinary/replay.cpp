// SPDX-License-Identifier: Apache-2.0
// Runs recorded traffic, as record.py writes it, through the detectors. Prints the alerts as `trace
// --alerts --json` would, and a last line with what was seen.
//
//   replay [NAME=VALUE ...] <RECORDING   thresholds as in `sockscope help alerts`
#include <fmt/format.h>
#include <rapidjson/document.h>
#include <sockscope/alert.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "format/json.h"
#include "model/address.h"

namespace sockscope {
namespace {

using Json = rapidjson::Value;

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "replay: {}\n", why);
  std::exit(2);
}

const Json* find(const Json& object, const char* name) {
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

std::uint64_t number(const Json& object, const char* name) {
  const Json* value = find(object, name);
  if (value == nullptr) return 0;
  if (!value->IsUint64()) fail(fmt::format("{} is no number", name));
  return value->GetUint64();
}

std::string text(const Json& object, const char* name) {
  const Json* value = find(object, name);
  return value == nullptr ? std::string() : value->GetString();
}

Endpoint endpoint(const Json& object, const std::string& end) {
  Endpoint result;
  const std::string address = text(object, (end + "_addr").c_str());
  if (!address.empty()) {
    const auto parsed = parse_address(address);
    if (!parsed) fail("not an address: " + address);
    result.addr = *parsed;
  }
  result.port = static_cast<std::uint16_t>(number(object, (end + "_port").c_str()));
  return result;
}

template <class Who>
void owner(const Json& object, Who& who) {
  who.pid = static_cast<std::uint32_t>(number(object, "pid"));
  if (find(object, "uid") != nullptr) who.uid = static_cast<std::uint32_t>(number(object, "uid"));
  const std::string comm = text(object, "comm");
  std::memcpy(who.comm.data(), comm.data(), std::min(comm.size(), who.comm.size() - 1));
}

std::shared_ptr<const RemoteName> remote_name(const Json& object) {
  RemoteName known;
  known.name = text(object, "remote_name");
  const std::string source = text(object, "name_source");
  for (const NameSource each : {NameSource::kProcess, NameSource::kHost, NameSource::kReverse})
    if (source == to_string(each)) known.source = each;
  return std::make_shared<const RemoteName>(std::move(known));
}

int error_number(const std::string& name) {
  for (int error = 1; error < 200; ++error)
    if (const char* known = ::strerrorname_np(error); known != nullptr && name == known)
      return error;
  return 0;
}

// One end's view of the hour, as a host of its own.
class Host {
 public:
  Host(std::string name, const AlertOptions& options)
      : name_(std::move(name)), detectors_(options) {}

  void take(const Json& record) {
    now_ns_ = number(record, "ts_ns");
    if (first_ns_ == 0) first_ns_ = next_tick_ns_ = now_ns_;
    for (; next_tick_ns_ <= now_ns_; next_tick_ns_ += 1'000'000'000) tick(next_tick_ns_);
    if (find(record, "event") != nullptr)
      event(record);
    else
      snapshot(record);
  }
  void end() {
    for (int second = 0; second < 3600 && detectors_.active() != 0; ++second)
      tick(next_tick_ns_ += 1'000'000'000);
    fmt::print(R"({{"end":"{}","seconds":{},"events":{},"queries":{},"snapshots":{},"alerts":{}}})"
               "\n",
               name_, (now_ns_ - first_ns_) / 1'000'000'000, events_, queries_, snapshots_, began_);
  }

 private:
  void tick(std::uint64_t now_ns) { detectors_.tick(now_ns, 0, handler()); }

  Detectors::Handler handler() {
    return [this](const Alert& alert) {
      if (alert.phase == AlertPhase::kBegan) ++began_;
      std::string line;
      writer_.alert(alert, line);
      std::fputs(line.c_str(), stdout);
    };
  }

  void event(const Json& record) {
    const std::string kind = text(record, "event");
    Event event;
    event.mono_ns = now_ns_;
    event.flow.local = endpoint(record, "local");
    event.flow.remote = endpoint(record, "remote");
    owner(record, event.flow.owner);
    if (find(record, "remote_name") != nullptr) event.flow.remote_name = remote_name(record);
    if (kind == "connect") {
      event.what = event::Connect{number(record, "latency_us")};
    } else if (kind == "accept") {
      event.what = event::Accept{};
    } else if (kind == "connect_failed") {
      event.what =
          event::ConnectFailed{error_number(text(record, "error")), number(record, "latency_us")};
    } else if (kind == "refused") {
      event.what = event::Refused{number(record, "attempts")};
    } else if (kind == "dns") {
      auto message = std::make_shared<DnsMessage>();
      message->name = text(record, "name");
      event.what = event::Dns{.sent = true, .message = std::move(message)};
      ++queries_;
    } else {
      return;
    }
    ++events_;
    detectors_.take(event, handler());
  }

  void snapshot(const Json& record) {
    Snapshot snapshot;
    snapshot.mono_ns = snapshot.wall_ns = now_ns_;
    for (const Json& row : record["flows"].GetArray()) {
      Flow& flow = snapshot.flows.emplace_back();
      flow.cookie = number(row, "cookie");
      flow.protocol = Protocol::kTcp;
      flow.direction = Direction::kOutbound;
      flow.remote = endpoint(row, "remote");
      owner(row, flow.owner);
      flow.opened_ns = find(row, "age_us") == nullptr ? 0 : now_ns_ - 1000 * number(row, "age_us");
      flow.has_counters = flow.has_segments = true;
      flow.counters.tx_segments = number(row, "tx_segments");
      flow.counters.retransmits = static_cast<std::uint32_t>(number(row, "retransmits"));
    }
    for (const Json& row : record["processes"].GetArray()) {
      Process& process = snapshot.processes.emplace_back();
      owner(row, process);
      process.start_ns = number(row, "start_ns");
      process.rx_rate = static_cast<double>(number(row, "rx_rate"));
      process.tx_rate = static_cast<double>(number(row, "tx_rate"));
    }
    ++snapshots_;
    detectors_.take(snapshot, handler());
  }

  std::string name_;
  Detectors detectors_;
  EventWriter writer_{0};
  std::uint64_t now_ns_ = 0, first_ns_ = 0, next_tick_ns_ = 0;
  std::uint64_t events_ = 0, queries_ = 0, snapshots_ = 0, began_ = 0;
};

int replay(int count, char** words) {
  AlertOptions options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const auto equals = word.find('=');
    if (equals == word.npos) fail("not NAME=VALUE: " + std::string(word));
    const auto set =
        set_threshold(options, word.substr(0, equals), std::atof(&words[i][equals + 1]));
    if (!set) fail(set.error().detail());
  }
  std::map<std::string, Host> hosts;
  rapidjson::Document json;
  for (std::string line; std::getline(std::cin, line);) {
    json.Parse(line.data(), line.size());
    if (json.HasParseError() || !json.IsObject() || find(json, "record") == nullptr)
      fail("not a line of a recording: " + line.substr(0, 100));
    const std::string end = text(json, "end");
    hosts.try_emplace(end, end, options).first->second.take(json["record"]);
  }
  for (auto& [name, host] : hosts) host.end();
  return 0;
}

}  // namespace
}  // namespace sockscope

int main(int count, char** words) {
  return sockscope::replay(count, words);
}
