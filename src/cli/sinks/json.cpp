// SPDX-License-Identifier: Apache-2.0
#include <sockscope/monitor.h>

#include "base/clock.h"
#include "cli/sink.h"
#include "format/host_json.h"

namespace sockscope {
namespace {

class JsonSink : public TextSink {
 public:
  JsonSink(Output& output, HostId host, std::optional<Excerpt> excerpt, bool pretty)
      : TextSink(output),
        host_(std::move(host)),
        excerpt_(std::move(excerpt)),
        pretty_(pretty),
        writer_(mono_to_wall_ns(), excerpt_ ? excerpt_->members : std::vector<std::string>()) {}

  void begin(const Beginning& beginning) override {
    writer_.start(beginning.host, clock_ns(CLOCK_REALTIME), beginning.source, beginning.doors,
                  output_.text());
  }
  void event(const Event& event) override {
    writer_.event(event, output_.text());
    output_.piece({});
  }
  void alert(const Alert& alert) override { writer_.alert(alert, output_.text()); }
  void story(const Story& story) override { writer_.story(story, output_.text()); }
  void snapshot(const Snapshot& snapshot) override {
    write_snapshot_json(
        snapshot, host_, pretty_, [this](std::string_view piece) { output_.piece(piece); },
        excerpt_ ? &*excerpt_ : nullptr);
  }
  void host(const HostReport& report) override {
    output_.piece(host_json(report.facts, host_, report.bytes, report.problem));
  }
  void end(const Ending& ending) override {
    writer_.end(clock_ns(CLOCK_REALTIME), ending.told, ending.lost, output_.text());
  }
  bool flush() override {
    writer_.set_clock_offset(mono_to_wall_ns());  // the clock may be set while the program runs
    return TextSink::flush();
  }

 private:
  HostId host_;
  std::optional<Excerpt> excerpt_;
  bool pretty_;
  EventWriter writer_;
};

}  // namespace

std::unique_ptr<Sink> make_json_sink(Output& output, HostId host, std::optional<Excerpt> excerpt,
                                     bool pretty) {
  return std::make_unique<JsonSink>(output, std::move(host), std::move(excerpt), pretty);
}

}  // namespace sockscope
