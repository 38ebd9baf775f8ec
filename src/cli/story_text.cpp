// SPDX-License-Identifier: Apache-2.0
#include "cli/story_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "cli/process_text.h"

namespace sockscope {
namespace {

constexpr std::size_t kMostRemoteLines = 16;
constexpr std::size_t kLongestCommandLine = 400;
constexpr std::size_t kShortestCommandLine = 20;

std::string head_line(const Story& story, bool with_parents = true) {
  const ProcessInfo& process = *story.process;
  std::string text = fmt::format("{} {}", clean_text(process.name()), process.pid);
  if (process.inner_pid != 0) text += fmt::format("/{}", process.inner_pid);
  if (with_parents && !process.parents.empty())
    text += fmt::format(" ({})", clean_text(process.parents));
  if (process.uid) text += fmt::format(" uid {}", *process.uid);
  text += "  " + (story.duration_us ? format_duration_us(*story.duration_us) : "—");
  text += "  " + counted(story.connections, "conn");
  if (story.failed != 0) text += fmt::format(", {} failed", story.failed);
  if (story.dns_failed.value_or(0) != 0) text += fmt::format(", {} DNS failed", *story.dns_failed);
  if (story.dns_unanswered.value_or(0) != 0)
    text += fmt::format(", {} DNS unanswered", *story.dns_unanswered);
  if (story.still_open != 0) text += fmt::format(", {} still open", story.still_open);
  if (story.connections != 0)
    text +=
        fmt::format("  tx {} rx {}", format_bytes(story.tx_bytes), format_bytes(story.rx_bytes));
  if (story.retransmits != 0) text += fmt::format("  retr {}", story.retransmits);
  if (story.worst_rtt_us != 0)
    text += fmt::format("  worst RTT {} ms", format_ms(story.worst_rtt_us));
  return text + "  " + exit_text(story.exit_status) + place_text(process);
}

// "2 conns, 1 failed (ECONNREFUSED)  tx 83 B rx 15 kB"
std::string figures_text(const StoryFigures& figures, int error = 0) {
  std::string text;
  if (figures.connections != 0) text = counted(figures.connections, "conn");
  if (figures.failed != 0) {
    text += fmt::format("{}{} failed", text.empty() ? "" : ", ", figures.failed);
    if (const std::string_view why = errno_name(error); !why.empty())
      text += fmt::format(" ({})", why);
  }
  if (figures.connections != 0)
    text += fmt::format("  tx {} rx {}", format_bytes(figures.tx_bytes),
                        format_bytes(figures.rx_bytes));
  return text;
}

std::string remote_line(const StoryRemote& remote) {
  const bool is_inbound = remote.direction == Direction::kInbound;
  std::string text = remote.direction == Direction::kOutbound || remote.is_connected ? "→ "
                     : is_inbound                                                    ? "← "
                                                                                     : "↔ ";
  text += is_inbound ? fmt::format("{} at :{}", to_string(remote.end.addr), remote.local_port)
                     : to_string(remote.end);
  if (remote.protocol == Protocol::kUdp) text += " udp";
  if (!remote.name.empty()) text += ' ' + clean_text(remote.name);
  return text + "  " + figures_text(remote.figures, remote.error);
}

// The lines below the first one; each begins with `before`.
std::vector<std::string> detail_lines(const Story& story, const std::string& before,
                                      std::size_t width) {
  std::vector<std::string> lines;
  if (const std::string_view command = story.process->cmdline(); !command.empty()) {
    const std::size_t indent = display_width(before);
    const std::size_t room =
        width == 0 ? kLongestCommandLine : std::max(width, indent + kShortestCommandLine) - indent;
    lines.push_back(shorten_right(clean_text(command.substr(0, 4 * kLongestCommandLine)), room));
  }
  const std::size_t told = std::min(story.remotes.size(), kMostRemoteLines);
  for (std::size_t i = 0; i < told; ++i) lines.push_back(remote_line(story.remotes[i]));
  if (told < story.remotes.size()) {
    StoryFigures rest;
    for (std::size_t i = told; i < story.remotes.size(); ++i) rest.add(story.remotes[i].figures);
    lines.push_back(fmt::format("… {}  {}", counted(story.remotes.size() - told, "more remote end"),
                                figures_text(rest)));
  }
  if (story.other != StoryFigures()) lines.push_back("… others  " + figures_text(story.other));
  if (story.unknown != StoryFigures())
    lines.push_back("… not known  " + figures_text(story.unknown));
  for (std::string& line : lines) line.insert(0, before);
  return lines;
}

// The processes by parent.
class Tree {
 public:
  explicit Tree(const std::vector<Story>& stories)
      : stories_(stories), sums_(stories.size()), children_(stories.size() + 1) {
    for (std::size_t i = 0; i < stories.size(); ++i) {
      by_pid_.emplace(stories[i].process->pid, i);
      by_start_.push_back(i);
    }
    std::ranges::sort(by_start_, {}, [this](std::size_t i) { return start_of(i); });
    std::vector<std::size_t> parents;
    for (std::size_t i = 0; i < stories.size(); ++i) parents.push_back(parent_of(i));
    for (const std::size_t i : by_start_) children_[parents[i]].push_back(i);
    // A child starts after its parent, so in this order a sum is complete before it is added to the
    // parent's.
    for (std::size_t at = by_start_.size(); at-- > 0;) {
      const std::size_t i = by_start_[at];
      sums_[i].add(stories[i]);
      if (parents[i] != stories.size()) sums_[parents[i]].add(sums_[i]);
    }
  }

  std::vector<std::string> lines(bool talkers_only, std::size_t width) const {
    std::vector<std::string> lines;
    std::vector<Place> places;
    const auto add_below = [&](std::size_t parent, const auto& place_of) {
      std::vector<std::size_t> shown;
      for (const std::size_t child : children_[parent])
        if (!talkers_only || sums_[child].talks()) shown.push_back(child);
      for (std::size_t at = shown.size(); at-- > 0;)
        places.push_back(place_of(shown[at], at + 1 == shown.size()));
      return !shown.empty();
    };
    add_below(stories_.size(), [](std::size_t i, bool) { return Place{i, 0, "", ""}; });
    while (!places.empty()) {
      const Place place = std::move(places.back());
      places.pop_back();
      const bool is_parent = add_below(place.story, [&](std::size_t i, bool is_last) {
        const bool is_deeper = place.depth < kDeepest;
        return Place{i, place.depth + 1, place.others + (is_last ? "└─ " : "├─ "),
                     is_deeper ? place.others + (is_last ? "   " : "│  ") : place.others};
      });
      const Story& story = stories_[place.story];
      lines.push_back(place.first + head_line(story, place.depth == 0));
      const std::string before = place.others + (is_parent ? "│   " : "    ");
      std::ranges::move(detail_lines(story, before, width), std::back_inserter(lines));
      if (is_parent) lines.push_back(before + "with all below: " + sums_[place.story].text());
    }
    return lines;
  }

 private:
  static constexpr int kDeepest = 40;  // deeper generations are not indented further
  struct Place {
    std::size_t story;
    int depth;
    std::string first;   // before its first line
    std::string others;  // before the lines that follow, including those of its children
  };

  std::pair<std::uint64_t, std::uint32_t> start_of(std::size_t i) const {
    return {stories_[i].process->start_ns, stories_[i].process->pid};
  }

  // The last process with the parent's pid that started before the child; the number of stories if
  // there is none. /proc rounds start times to hundredths of a second: if they are equal, pids
  // decide.
  std::size_t parent_of(std::size_t child) const {
    std::size_t found = stories_.size();
    const auto [first, last] = by_pid_.equal_range(stories_[child].process->parent_pid);
    for (auto each = first; each != last; ++each)
      if (start_of(each->second) < start_of(child) &&
          (found == stories_.size() || start_of(found) < start_of(each->second)))
        found = each->second;
    return found;
  }

  const std::vector<Story>& stories_;
  std::multimap<std::uint32_t, std::size_t> by_pid_;
  std::vector<std::size_t> by_start_;
  std::vector<StorySum> sums_;                      // each with all below it
  std::vector<std::vector<std::size_t>> children_;  // the last: processes whose parent has no story
};

}  // namespace

void StorySum::add(const Story& story) {
  ++processes_;
  figures_.add({story.connections, story.failed, story.tx_bytes, story.rx_bytes});
}

void StorySum::add(const StorySum& other) {
  processes_ += other.processes_;
  figures_.add(other.figures_);
}

std::string StorySum::text() const {
  return fmt::format("{} process{}, {}, {} failed, tx {} rx {}", processes_,
                     processes_ == 1 ? "" : "es", counted(figures_.connections, "connection"),
                     figures_.failed, format_bytes(figures_.tx_bytes),
                     format_bytes(figures_.rx_bytes));
}

std::vector<std::string> story_lines(const Story& story, std::size_t width) {
  std::vector<std::string> lines{head_line(story)};
  std::ranges::move(detail_lines(story, "    ", width), std::back_inserter(lines));
  return lines;
}

std::vector<std::string> story_tree(const std::vector<Story>& stories, bool talkers_only,
                                    std::size_t width) {
  return Tree(stories).lines(talkers_only, width);
}

}  // namespace sockscope
