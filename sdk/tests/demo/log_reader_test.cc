// SPDX-License-Identifier: Apache-2.0
#include "log_reader.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "temporary_directory.h"

namespace penstock::demo {
namespace {

std::vector<std::string> Names(const TemporaryDirectory& directory) {
  std::vector<std::string> names;
  const auto logs = FindLogs(directory.path());
  EXPECT_TRUE(logs.ok());
  if (logs.ok()) {
    for (const auto& log : *logs) names.push_back(log.filename().string());
  }
  return names;
}

std::string Gzip(const std::string& text) {
  std::string out(text.size() + 1024, '\0');
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Reading {
  absl::Status status;
  std::vector<std::string> lines;
};

Reading Read(const std::string& content) {
  const TemporaryDirectory directory;
  directory.Write("dpkg.log", content);
  Reading reading;
  reading.status =
      ReadLines(directory.path() / "dpkg.log", [&](std::string_view line) { reading.lines.emplace_back(line); });
  return reading;
}

TEST(LogReaderTest, FindsTheOldestLogFirst) {
  const TemporaryDirectory directory;
  for (const char* name : {"dpkg.log", "dpkg.log.1", "dpkg.log.2.gz", "dpkg.log.10.gz"}) directory.Write(name, "");
  EXPECT_EQ(Names(directory), (std::vector<std::string>{"dpkg.log.10.gz", "dpkg.log.2.gz", "dpkg.log.1", "dpkg.log"}));
}

TEST(LogReaderTest, FindsDatedLogsInOrder) {
  const TemporaryDirectory directory;
  for (const char* name : {"dpkg.log", "dpkg.log-20260101", "dpkg.log-20251201.gz"}) directory.Write(name, "");
  EXPECT_EQ(Names(directory), (std::vector<std::string>{"dpkg.log-20251201.gz", "dpkg.log-20260101", "dpkg.log"}));
}

TEST(LogReaderTest, TakesAFileThatIsThereTwiceOnce) {
  const TemporaryDirectory directory;
  for (const char* name : {"dpkg.log.1", "dpkg.log.1.gz"}) directory.Write(name, "");
  EXPECT_EQ(Names(directory), std::vector<std::string>{"dpkg.log.1"});
}

TEST(LogReaderTest, LeavesOtherFilesAlone) {
  const TemporaryDirectory directory;
  for (const char* name : {"dpkg.log", "dpkg.log.", "dpkg.log.x", "dpkg.log.1.xz", "dpkg.log~", "alternatives.log",
                           "dpkg.log.-1", "dpkg.log.99999999999999999999", "my.dpkg.log"}) {
    directory.Write(name, "");
  }
  EXPECT_EQ(Names(directory), std::vector<std::string>{"dpkg.log"});
}

TEST(LogReaderTest, SaysWhereItLookedAndWhatToDo) {
  const TemporaryDirectory directory;
  const auto none = FindLogs(directory.path());
  EXPECT_EQ(none.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(none.status().message().find(directory.path().string()), std::string::npos);
  EXPECT_NE(none.status().message().find("--log-dir"), std::string::npos);
  const auto missing = FindLogs(directory.path() / "missing");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(LogReaderTest, ReadsPlainAndCompressedLinesAlike) {
  const std::string text = "one\n\ntwo\n";
  const std::vector<std::string> expected = {"one", "", "two"};
  EXPECT_EQ(Read(text).lines, expected);
  EXPECT_EQ(Read(Gzip(text)).lines, expected);
  EXPECT_TRUE(Read(Gzip(text)).status.ok());
}

TEST(LogReaderTest, ReadsNothingFromAnEmptyFile) {
  const Reading reading = Read("");
  EXPECT_TRUE(reading.status.ok()) << reading.status;
  EXPECT_TRUE(reading.lines.empty());
}

TEST(LogReaderTest, LeavesOutALineThatIsStillBeingWritten) {
  EXPECT_EQ(Read("one\ntw").lines, std::vector<std::string>{"one"});
}

TEST(LogReaderTest, ReadsLinesAcrossItsBuffers) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + "\n";
  const Reading reading = Read(Gzip(text));
  ASSERT_EQ(reading.lines.size(), 20'000U);
  EXPECT_EQ(reading.lines[17'654], "17654");
}

TEST(LogReaderTest, CutsALineWithoutEndIntoPieces) {
  const Reading reading = Read(std::string(1 << 20, 'x') + "\ny\n");
  EXPECT_TRUE(reading.status.ok());
  EXPECT_GT(reading.lines.size(), 2U);
  EXPECT_EQ(reading.lines.back(), "y");
}

TEST(LogReaderTest, ReportsABrokenFile) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919) + "\n";
  const std::string good = Gzip(text);
  const Reading truncated = Read(good.substr(0, good.size() / 2));
  EXPECT_EQ(truncated.status.code(), absl::StatusCode::kDataLoss) << truncated.status;
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 0x55);
  EXPECT_EQ(Read(flipped).status.code(), absl::StatusCode::kDataLoss);
}

TEST(LogReaderTest, ReportsAFileThatCannotBeRead) {
  const TemporaryDirectory directory;
  EXPECT_EQ(ReadLines(directory.path() / "missing", [](std::string_view) {}).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(ReadLines(directory.path(), [](std::string_view) {}).ok());
}

}  // namespace
}  // namespace penstock::demo
