// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <net/if.h>
#include <sockscope/packets.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/every_interval.h"
#include "cli/network_namespace.h"
#include "cli/option_groups.h"
#include "cli/output_file.h"
#include "cli/report.h"
#include "cli/session.h"
#include "format/pcapng.h"
#include "model/match.h"

namespace sockscope {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookAgain{20};  // while packets wait for their owners
// At the end: the kernel delivers packets in batches, at most this late.
constexpr std::chrono::milliseconds kOnTheirWay{120};
// Limits how often all sockets are read, so that this does not become a load of its own.
constexpr int kRestBetweenSnapshots = 20;
constexpr std::size_t kMuch = 64 << 10;

struct CaptureArguments : Arguments {
  PacketOptions packets;
  std::string file;          // "-": standard output
  bool all_packets = false;  // also packets that belong to no known flow
};

bool is_regular(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

std::string name_of_interface(std::uint32_t index) {
  char name[IF_NAMESIZE];
  return ::if_indextoname(index, name) ? name : "";
}

// Keeps the file readable: a packet that could not be written completely is removed again.
class PacketFile : public TextSink {
 public:
  PacketFile(Output& output, bool may_cut, PcapngWriter& writer)
      : TextSink(output), may_cut_(may_cut && is_regular(output.fd())), writer_(writer) {}

  void packet(const Packet& packet) {
    writer_.append_packet(packet, output_.text());
    ++written_;
    ends_.push_back(whole_size_ + static_cast<off_t>(output_.text().size()));
    if (output_.text().size() >= kMuch) flush();
  }

  bool flush() override {
    const auto size = static_cast<off_t>(output_.text().size());
    if (output_.flush()) {
      whole_size_ += size;
      ends_.clear();
      return true;
    }
    if (struct stat status{}; may_cut_ && ::fstat(output_.fd(), &status) == 0) {
      const auto cut = std::upper_bound(ends_.begin(), ends_.end(), status.st_size);
      if (cut != ends_.begin()) whole_size_ = *(cut - 1);
      written_ -= static_cast<std::uint64_t>(ends_.end() - cut);
      ends_.clear();
      (void)!::ftruncate(output_.fd(), whole_size_);
    }
    return false;
  }

  std::uint64_t written() const noexcept { return written_; }

 private:
  bool may_cut_;
  PcapngWriter& writer_;
  std::uint64_t written_ = 0;
  off_t whole_size_ = 0;
  std::vector<off_t> ends_;  // where packets end that are not yet written
};

class CaptureCommand {
 public:
  CaptureCommand(const CaptureArguments& arguments, Session& session, PacketCapture& capture,
                 FlowMatcher matcher, Output& output)
      : arguments_(arguments),
        session_(session),
        capture_(capture),
        matcher_(std::move(matcher)),
        output_(output),
        writer_({.link_type = capture.link_type(),
                 .snap_length = arguments.packets.snap_length,
                 .name = arguments.packets.interface,
                 .filter = arguments.packets.packet_filter},
                name_of_interface),
        is_chosen_(!matcher_.matches_all() || !session.filter.matches_all()) {
    auto file = std::make_unique<PacketFile>(output, arguments.file != "-", writer_);
    file_ = file.get();
    sinks_.add(std::move(file));
  }

  int run();

 private:
  bool wanted(const Flow* flow) const {
    return flow != nullptr && matcher_(*flow) && session_.filter.matches(*flow);
  }
  bool wanted(std::span<const Flow* const> flows) const {
    return std::any_of(flows.begin(), flows.end(),
                       [this](const Flow* flow) { return wanted(flow); });
  }
  bool is_full() const { return arguments_.is_enough(file_->written()); }
  void write(const Packet& packet);
  Result<bool> look(bool is_last);
  Result<void> ask_for_sockets();
  int print_end();

  const CaptureArguments& arguments_;
  Session& session_;
  PacketCapture& capture_;
  FlowMatcher matcher_;
  Output& output_;
  PcapngWriter writer_;
  PacketFile* file_;
  Sinks sinks_;
  bool is_chosen_;
  std::uint64_t begin_wall_ns_ = 0;
  std::uint64_t end_wall_ns_ = ~std::uint64_t{0};
  std::uint64_t unattributed_ = 0;
  std::chrono::steady_clock::time_point ask_not_before_{};
};

void CaptureCommand::write(const Packet& packet) {
  // The kernel captured packets before sockets were observed, and after the end; these are left
  // out.
  if (packet.wall_ns < begin_wall_ns_ || packet.wall_ns > end_wall_ns_) return;
  const bool is_known = packet.is_sent() || packet.is_received();
  if (!is_known) ++unattributed_;
  const bool is_wanted = is_known ? wanted(packet.sender) || wanted(packet.receiver) ||
                                        wanted(packet.senders) || wanted(packet.receivers)
                                  : arguments_.all_packets && !is_chosen_;
  if (is_wanted && !is_full()) file_->packet(packet);
}

Result<void> CaptureCommand::ask_for_sockets() {
  // Measured in processor time: on a busy host everything takes longer, but packets do not wait for
  // ever.
  const std::uint64_t began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  const auto snapshot = session_.snapshot([this](const Event& event) { capture_.note(event); });
  if (!snapshot) return tl::make_unexpected(snapshot.error());
  capture_.note(*snapshot);
  ask_not_before_ =
      Clock::now() +
      kRestBetweenSnapshots * std::chrono::nanoseconds(clock_ns(CLOCK_THREAD_CPUTIME_ID) - began);
  return {};
}

// Reads events before packets, because they usually say whose the packets are. Returns whether to
// go on.
Result<bool> CaptureCommand::look(bool is_last) {
  const auto take_event = [this](const Event& event) { capture_.note(event); };
  const auto take_packet = [this](const Packet& packet) { write(packet); };
  const auto events =
      is_last ? session_.monitor.finish(take_event) : session_.monitor.consume(take_event);
  if (!events) return tl::make_unexpected(events.error());
  if (is_last || (capture_.wants_snapshot() && Clock::now() >= ask_not_before_))
    if (auto done = ask_for_sockets(); !done) return tl::make_unexpected(done.error());
  const auto packets = is_last ? capture_.finish(take_packet) : capture_.read(take_packet);
  if (!packets) return tl::make_unexpected(packets.error());
  return !is_full();
}

int CaptureCommand::print_end() {
  const PacketCounts counts = capture_.counts();
  if (!arguments_.quiet)
    report(fmt::format("{} written, {} dropped by the kernel, {} unattributed",
                       counted(file_->written(), "packet"), counts.dropped, unattributed_));
  if (sinks_.exit_code() != kExitDone) return sinks_.exit_code();
  return arguments_.strict && counts.dropped != 0 ? kExitIncomplete : session_.exit_code();
}

int CaptureCommand::run() {
  const PacketOptions& options = arguments_.packets;
  writer_.append_head(fmt::format("sockscope {}", version()), output_.text());
  if (!sinks_.flush()) return sinks_.exit_code();
  if (auto done = ask_for_sockets(); !done) return report(done.error());
  begin_wall_ns_ = wall_now_ns();
  if (!arguments_.quiet)
    report(fmt::format("capturing on {}", options.interface == "any"
                                              ? "all interfaces"
                                              : clean_text(options.interface)));
  const auto ended = every_interval({.interval = kLookAgain,
                                     .duration = arguments_.duration,
                                     .only_while = [this] { return capture_.is_holding(); }},
                                    session_.stop_fd(), {session_.monitor.fd(), capture_.fd()},
                                    sinks_, [this](Wake) { return look(false); });
  if (!ended) return report(ended.error());
  if (*ended == Wake::kReaderGone) return print_end();
  end_wall_ns_ = wall_now_ns();
  const auto settled = Clock::now() + kOnTheirWay;
  while (!is_full() && Clock::now() < settled) {
    if (auto done = look(false); !done) return report(done.error());
    ::usleep(static_cast<useconds_t>(std::chrono::microseconds(kLookAgain).count()));
  }
  if (auto done = look(true); !done) return report(done.error());
  writer_.append_statistics(capture_.counts(), file_->written(), begin_wall_ns_, end_wall_ns_,
                            output_.text());
  sinks_.flush();
  return print_end();
}

void declare(CLI::App& app, CaptureArguments& arguments) {
  add_selection(app, arguments);
  in_group(app, "Which packets");
  add_text(app, "-i,--interface", arguments.packets.interface, "NAME",
           "only of this interface; all by default");
  add_text(app, "--bpf", arguments.packets.packet_filter, "EXPR",
           "only those that match this filter, in tcpdump's language: 'tcp port 80'");
  add_number<std::uint32_t>(app, "--snaplen", arguments.packets.snap_length, "BYTES", 64, 262'144,
                            "how many bytes of each to keep, 262144 by default");
  app.add_flag("--all", arguments.all_packets, "also packets that belong to no known connection");
  in_group(app, "Output");
  app.add_option("-w,--write", arguments.file, "the file to write; - is standard output")
      ->type_name("FILE")
      ->required();
  add_quiet_and_strict(app, arguments, ", or packets were dropped");
  add_source(app, arguments);
  add_time_limits(app, arguments, "packets");
  app.final_callback([&app, &arguments] {
    if (arguments.all_packets)
      for (const CLI::Option* option : app.get_options())
        if (option->get_group() == "Which connections" && option->count() != 0)
          throw CLI::ValidationError("--all excludes " + option->get_name());
    if (arguments.file == "-" && ::isatty(1) != 0)
      throw CLI::ValidationError(
          "--write", "'-' would write packets to the terminal; pipe them: … -w - | tshark -r -");
  });
}

Options observe(const CaptureArguments& arguments) {
  Options options = asked_options(arguments);
  // All flows are observed: the filter only decides which packets are written.
  options.filter = {};
  options.describe |= needs_process(arguments.options.filter);
  options.attempts = true;
  options.quality = false;
  return options;
}

int run(const CaptureArguments& arguments, const Options& observed) {
  auto matcher = FlowMatcher::compile(arguments.options.filter);
  if (!matcher) return report(matcher.error());
  if (refuses_internals(observed, "capture")) return kExitUsage;
  if (const auto& netns = arguments.options.filter.netns)
    if (auto entered = enter_netns(*netns); !entered) return report(entered.error());
  auto capture = PacketCapture::open(arguments.packets);
  if (!capture) return report(capture.error());
  // Opened before privileges are dropped: without them root may not write into another user's
  // folder.
  auto file = open_output_file(arguments.file);
  if (!file) return report(file.error());
  auto session = Session::open(arguments, observed, "; their packets too");
  if (!session) return session.error();
  // An existing file is emptied only now, when nothing else can fail; a device cannot be emptied.
  if (arguments.file != "-" && is_regular(file->get()) && ::ftruncate(file->get(), 0) != 0)
    return report(Error::from_errno(ErrorKind::kIo, errno, "empty " + arguments.file));
  Output output(session->stop_fd(), file->get());
  return CaptureCommand(arguments, *session, *capture, std::move(*matcher), output).run();
}

}  // namespace

const Command kCapture = make_command<CaptureArguments, declare, observe, run>({
    .name = "capture",
    .usage = "capture -w FILE",
    .promise = "packets, each with its process",
    .summary = "packets of processes and connections, for Wireshark",
    .examples =
        "Packets of chosen processes and connections, each with its process, as a pcapng file.\n"
        "\n"
        "  sudo sockscope capture -w web.pcapng -c nginx -d 60\n"
        "  sudo sockscope capture -w - --filter 'dport:443' | wireshark -k -i -\n"
        "  sudo sockscope capture -w - -p 1234 --bpf 'udp' | tshark -r - -T fields -e "
        "frame.comment\n"
        "  sudo sockscope capture -w all.pcapng --all --snaplen 96 --count 1000\n",
    .notes =
        "\nA packet's comment is 'tx pid=42 flow=4711 owner=exact comm=curl'. tx is its sender, "
        "rx\n"
        "its receiver; on loopback it has a comment for each. 'rx owner=shared pids=12,13' means\n"
        "one of these processes, which share the port. flow is the socket's cookie, as in the "
        "JSON\n"
        "of trace and snapshot. The packets are those of the network namespace that the command\n"
        "runs in, or that -n names: capture -n pid:PID shows a container's.\n",
});

}  // namespace sockscope
