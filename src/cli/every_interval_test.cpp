// SPDX-License-Identifier: Apache-2.0
#include "cli/every_interval.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/fd.h"

namespace sockscope {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
  void fill() const { EXPECT_EQ(::write(write.get(), "x", 1), 1); }
  void drain() const {
    char byte = 0;
    EXPECT_EQ(::read(read.get(), &byte, 1), 1);
  }
  Fd read, write;
};

class FakeSink : public Sink {
 public:
  explicit FakeSink(int fd) : fd_(fd) {}
  void event(const Event&) override { ++events; }
  bool flush() override { return ++flushes < takes; }
  int exit_code() const override { return flushes < takes ? 0 : 7; }
  int fd() const override { return fd_; }

  int events = 0;
  int flushes = 0;
  int takes = INT_MAX;

 private:
  int fd_;
};

class EveryInterval : public testing::Test {
 protected:
  EveryInterval() {
    for (FakeSink** sink : {&one_, &other_}) {
      auto made = std::make_unique<FakeSink>(sink == &one_ ? out_.write.get() : -1);
      *sink = made.get();
      sinks_.add(std::move(made));
    }
  }

  Result<Wake> run(const Pace& pace, std::function<Result<bool>(Wake)> step) {
    return every_interval(pace, stop_.read.get(), {first_.read.get(), second_.read.get()}, sinks_,
                          step);
  }

  Pipe stop_, first_, second_, out_;
  Sinks sinks_;
  FakeSink* one_ = nullptr;
  FakeSink* other_ = nullptr;
};

TEST_F(EveryInterval, StepsAtEachIntervalUntilItIsEnoughAndFlushesAllSinks) {
  int steps = 0;
  const auto ended = run({.interval = 2ms}, [&](Wake wake) -> Result<bool> {
    EXPECT_EQ(wake, Wake::kTime);
    sinks_.tell(&Sink::event, Event{});
    return ++steps < 3;
  });
  ASSERT_TRUE(ended);
  EXPECT_EQ(steps, 3);
  for (const FakeSink* sink : {one_, other_}) {
    EXPECT_EQ(sink->events, 3);
    EXPECT_EQ(sink->flushes, 3);
  }
}

TEST_F(EveryInterval, StepsWhenAnyOfTheFilesIsReadable) {
  for (const Pipe* pipe : {&first_, &second_}) {
    pipe->fill();
    const auto ended = run({.duration = 10s}, [&](Wake wake) -> Result<bool> {
      EXPECT_EQ(wake, Wake::kFiles);
      pipe->drain();
      return false;
    });
    EXPECT_EQ(*ended, Wake::kFiles);
  }
}

TEST_F(EveryInterval, AFileThatIsAlwaysReadableHoldsUpNeitherTheIntervalNorTheEnd) {
  first_.fill();
  int beats = 0;
  const auto ended = run({.interval = 5ms, .duration = 300ms}, [&](Wake wake) -> Result<bool> {
    beats += wake == Wake::kTime;
    return true;
  });
  EXPECT_EQ(*ended, Wake::kTime);
  EXPECT_GT(beats, 1);
}

TEST_F(EveryInterval, ASlowStepSkipsBeats) {
  int beats = 0;
  const auto ended = run({.interval = 10ms, .duration = 95ms}, [&](Wake) -> Result<bool> {
    ::usleep(30'000);
    return ++beats < 100;
  });
  EXPECT_EQ(*ended, Wake::kTime);
  EXPECT_LE(beats, 4);
}

TEST_F(EveryInterval, TheDurationsEndIsABeatOfItsOwn) {
  int beats = 0;
  const auto ended = run({.interval = 10s, .duration = 5ms}, [&](Wake wake) -> Result<bool> {
    EXPECT_EQ(wake, Wake::kTime);
    ++beats;
    return true;
  });
  EXPECT_EQ(*ended, Wake::kTime);
  EXPECT_EQ(beats, 1);
}

TEST_F(EveryInterval, CountsTheIntervalOnlyWhileSomethingWaits) {
  int steps = 0;
  const auto ended =
      run({.interval = 1ms, .duration = 300ms, .only_while = [&] { return steps < 3; }},
          [&](Wake) -> Result<bool> {
            ++steps;
            return true;
          });
  EXPECT_EQ(*ended, Wake::kTime);
  EXPECT_EQ(steps, 4);  // and the final one
}

TEST_F(EveryInterval, EndsWithoutAStepWhenTheUserWantsToStop) {
  stop_.fill();
  first_.fill();
  int steps = 0;
  const auto ended = run({}, [&](Wake) -> Result<bool> {
    ++steps;
    return false;
  });
  EXPECT_EQ(*ended, Wake::kStop);
  EXPECT_EQ(steps, 0);
}

TEST_F(EveryInterval, EndsWhenAReaderIsGone) {
  out_.read = Fd();
  EXPECT_EQ(*run({}, [](Wake) -> Result<bool> { return true; }), Wake::kReaderGone);
}

TEST_F(EveryInterval, EndsWhenOneSinkTakesNoMoreAndKnowsItsExitCode) {
  other_->takes = 2;
  int steps = 0;
  const auto ended = run({.interval = 1ms}, [&](Wake) -> Result<bool> {
    ++steps;
    return true;
  });
  EXPECT_EQ(*ended, Wake::kReaderGone);
  EXPECT_EQ(steps, 2);
  EXPECT_EQ(one_->flushes, 2);
  EXPECT_EQ(sinks_.exit_code(), 7);
}

TEST_F(EveryInterval, PassesAnErrorOn) {
  first_.fill();
  const auto ended = run({}, [](Wake) -> Result<bool> {
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, EIO, "read"));
  });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind(), ErrorKind::kIo);
}

}  // namespace
}  // namespace sockscope
