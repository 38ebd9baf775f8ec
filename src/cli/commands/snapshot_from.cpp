// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <sockscope/capture.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "base/text.h"
#include "cli/commands/snapshot.h"
#include "cli/report.h"

namespace sockscope {
namespace {

struct CaptureFile {
  std::string text;
  std::uint64_t wall_ns = 0;  // when the text was written
};

Result<CaptureFile> read_capture(const std::string& path) {
  const auto failed = [&path](int err) {
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, err, "read " + path));
  };
  const Fd opened(path == "-" ? ::dup(0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened) return failed(errno);
  struct stat status {};
  if (::fstat(opened.get(), &status) != 0) return failed(errno);
  CaptureFile file;
  file.wall_ns = S_ISREG(status.st_mode)
                     ? static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000u +
                           static_cast<std::uint64_t>(status.st_mtim.tv_nsec)
                     : wall_now_ns();
  char buffer[64 << 10];
  for (;;) {
    const ssize_t count = ::read(opened.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(errno);
    if (count == 0) return file;
    file.text.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace

int snapshot_from(const SnapshotArguments& arguments) {
  const auto choice = choose_rows(arguments, kSnapshotFlowColumns);
  if (!choice) return kExitUsage;
  const auto filter = compile_filter(arguments);
  if (!filter) return kExitUsage;
  const Filter& wanted = arguments.options.filter;
  Result<Snapshot> snapshot;
  if (arguments.from.kind == CaptureKind::kProc) {
    snapshot = read_proc_capture(arguments.from.path, wall_now_ns(), wanted);
  } else {
    auto file = read_capture(arguments.from.path);
    if (!file) return report(file.error());
    snapshot = parse_capture(arguments.from.kind, file->text, file->wall_ns, wanted);
  }
  if (!snapshot) {
    report(snapshot.error());
    return kExitFailed;
  }
  apply_filter(*snapshot, *filter);
  if (snapshot->lost.malformed != 0 && !arguments.quiet)
    report(fmt::format("{} of {} could not be understood",
                       counted(snapshot->lost.malformed, "line"), clean_text(arguments.from.path)));

  const Fd signals = take_stop_signals();
  Output output(signals.get());
  if (arguments.netwatch)
    output.text() = netwatch_line(netwatch::make_snapshot(snapshot->wall_ns, *snapshot), arguments,
                                  nullptr, snapshot->lost, true);
  else
    print_snapshot(*snapshot, {}, arguments, *choice, output);
  if (!output.flush()) return output.exit_code();
  if (arguments.expects_match && snapshot->flows.empty()) return kExitFailed;
  return arguments.strict && snapshot->lost.malformed != 0 ? kExitIncomplete : kExitDone;
}

}  // namespace sockscope
