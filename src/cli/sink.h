// SPDX-License-Identifier: Apache-2.0
// Where results go: events as they happen, and states at an interval.
#pragma once

#include <sockscope/event.h>
#include <sockscope/host.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/output.h"
#include "format/json.h"
#include "model/story.h"

namespace sockscope {

// A sink shows what it has a form for, and ignores everything else.
class Sink {
 public:
  struct Beginning {
    const HostId& host;
    Source source;
    const std::vector<Door>& doors;
  };
  struct HostReport {
    const HostFacts& facts;
    const std::optional<Reconciliation>& bytes;
    const std::string& problem;  // why there is no reconciliation; may be empty
  };
  struct Ending {
    std::uint64_t told;  // number of results
    const Loss& lost;
  };

  virtual ~Sink() = default;
  virtual void begin(const Beginning&) {}
  virtual void event(const Event&) {}
  virtual void alert(const Alert&) {}
  virtual void story(const Story&) {}
  virtual void snapshot(const Snapshot&) {}
  virtual void host(const HostReport&) {}
  virtual void end(const Ending&) {}

  // Writes what was collected. False: nobody reads it any more, or it failed, which was reported.
  virtual bool flush() = 0;
  virtual int exit_code() const = 0;
  virtual int fd() const = 0;  // shows an error when nobody reads any more
};

class Sinks {
 public:
  Sinks() = default;
  explicit Sinks(std::unique_ptr<Sink> first) { add(std::move(first)); }
  void add(std::unique_ptr<Sink> sink) { all_.push_back(std::move(sink)); }

  // For example tell(&Sink::event, event).
  template <class What>
  void tell(void (Sink::*take)(const What&), const What& what) {
    for (const auto& sink : all_) (sink.get()->*take)(what);
  }
  bool flush() {
    bool all = true;
    for (const auto& sink : all_) all &= sink->flush();
    return all;
  }
  int exit_code() const {
    for (const auto& sink : all_)
      if (sink->exit_code() != 0) return sink->exit_code();
    return 0;
  }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::vector<std::unique_ptr<Sink>> all_;
};

// Writes to standard output or a file, which must outlive it.
class TextSink : public Sink {
 public:
  explicit TextSink(Output& output) : output_(output) {}
  bool flush() override { return output_.flush(); }
  int exit_code() const override { return output_.exit_code(); }
  int fd() const override { return output_.fd(); }

 protected:
  Output& output_;
};

// The sinks that the options ask for; each has a file in sinks/. `own` makes the command's own
// sink: its table or its CSV. `excerpt` is the part of snapshots that JSON has; empty: all of it.
Sinks make_sinks(const Arguments& arguments, Output& output, const HostId& host,
                 const std::function<std::unique_ptr<Sink>()>& own,
                 std::optional<Excerpt> excerpt = std::nullopt);

// One line of JSON per result; with `pretty`, snapshots are indented for people on a terminal.
std::unique_ptr<Sink> make_json_sink(Output& output, HostId host,
                                     std::optional<Excerpt> excerpt = std::nullopt,
                                     bool pretty = false);

}  // namespace sockscope
