// SPDX-License-Identifier: Apache-2.0
// Stories as lines for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/story.h"

namespace sockscope {

// Of several stories: "2 processes, 1 connection, 0 failed, tx 83 B rx 15 kB"
class StorySum {
 public:
  void add(const Story& story);
  void add(const StorySum& other);
  bool talks() const noexcept { return figures_.connections != 0 || figures_.failed != 0; }
  std::string text() const;

 private:
  std::uint64_t processes_ = 0;
  StoryFigures figures_;
};

// The process and how it ended; below that, indented, its command line and its remote ends. Command
// lines are shortened to `width`, the terminal's; 0: there is no terminal.
std::vector<std::string> story_lines(const Story& story, std::size_t width);

// The same for all stories, children below their parents, and for each parent the sum of itself and
// all below it. talkers_only: leaves out processes without a connection, unless one below them had
// one.
std::vector<std::string> story_tree(const std::vector<Story>& stories, bool talkers_only,
                                    std::size_t width);

}  // namespace sockscope
