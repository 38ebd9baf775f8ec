// SPDX-License-Identifier: Apache-2.0
#include "decode/process_record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string_view>

#include "wire/record.h"

namespace sockscope {
namespace {

using namespace std::string_view_literals;
using List = std::vector<std::string>;

wire_exec exec_record(std::string_view arguments, std::string_view path) {
  wire_exec record{};
  record.process.header = {.type = WIRE_EXEC, .size = sizeof record, .netns = 7, .mono_ns = 9};
  record.process.pid = record.process.tid = 12;
  record.process.start_ns = 5;
  std::strcpy(record.filename, "./x");
  record.arguments_size = static_cast<std::uint32_t>(arguments.size());
  std::memcpy(record.arguments, arguments.data(),
              std::min(arguments.size(), sizeof record.arguments - 1));
  record.path_whole = 1;
  record.path_size = static_cast<std::uint16_t>(path.size());
  std::memcpy(record.path, path.data(), std::min(path.size(), sizeof record.path));
  return record;
}

std::shared_ptr<const Program> program_of(const wire_exec& record) {
  ProcessEvent event;
  ProcessInfo seen;
  if (!decode_process_event({reinterpret_cast<const std::byte*>(&record), sizeof record}, event,
                            seen))
    return nullptr;
  EXPECT_EQ(event.kind, ProcessEventKind::kExec);
  EXPECT_EQ(event.pid, 12u);
  return seen.program;
}

TEST(DecodeExec, ThePathIsPutTogetherFromItsNames) {
  const auto program = program_of(exec_record("x\0"sv, "python3.11\0bin\0usr\0"sv));
  ASSERT_TRUE(program);
  EXPECT_EQ(program->exe, "/usr/bin/python3.11");
  EXPECT_EQ(program->exe_given, "./x");
}

TEST(DecodeExec, AFileWithoutAFolderIsDeleted) {
  wire_exec record = exec_record("x\0"sv, "memfd:tool\0"sv);
  record.path_deleted = 1;
  EXPECT_EQ(program_of(record)->exe, "/memfd:tool (deleted)");
}

TEST(DecodeExec, HalfAPathIsNone) {
  wire_exec record = exec_record("x\0"sv, "leaf\0folder\0"sv);
  record.path_whole = 0;
  EXPECT_EQ(program_of(record)->exe, "");
  EXPECT_EQ(program_of(record)->exe_given, "./x");
}

TEST(DecodeExec, SizesThatAreTooLargeAreNotBelieved) {
  wire_exec record = exec_record("x\0"sv, "y\0"sv);
  record.path_size = 0xffff;
  record.arguments_size = 0xffffffff;
  const auto program = program_of(record);
  ASSERT_TRUE(program);
  EXPECT_LE(program->exe.size(), 2 * sizeof record.path);
  EXPECT_LE(program->cmdline.size(), sizeof record.arguments);
  EXPECT_TRUE(program->arguments_truncated);
}

TEST(DecodeExec, EmptyArgumentsAreThere) {
  const auto program = program_of(exec_record("true\0One\0\0Two\0\0"sv, "true\0"sv));
  EXPECT_EQ(program->arguments, (List{"true", "One", "", "Two", ""}));
  EXPECT_EQ(program->cmdline, "true One  Two ");
  EXPECT_FALSE(program->arguments_truncated);
}

TEST(DecodeExec, ArgumentsThatFitAreNotTruncated) {
  const std::string fits = std::string(WIRE_ARGUMENTS - 2, 'a') + '\0';
  EXPECT_FALSE(program_of(exec_record(fits, "true\0"sv))->arguments_truncated);
  const std::string longer = std::string(WIRE_ARGUMENTS - 1, 'a') + '\0';
  const auto program = program_of(exec_record(longer, "true\0"sv));
  EXPECT_TRUE(program->arguments_truncated);
  EXPECT_EQ(program->arguments, List{std::string(WIRE_ARGUMENTS - 1, 'a')});
}

}  // namespace
}  // namespace sockscope
