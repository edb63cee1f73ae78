// SPDX-License-Identifier: Apache-2.0
#include "chaos/ledger.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/status_matchers.h"

namespace penstock::chaos {
namespace {

using testing::IsOk;

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() {
    folder_ = (std::filesystem::temp_directory_path() / "penstock-ledger-XXXXXX").string();
    mkdtemp(folder_.data());
  }
  ~LedgerTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/a.ledger"; }
  static Record Numbered(std::uint32_t n) {
    return {.time_ns = MonotonicNow(),
            .stream_sequence = n,
            .event = {1, n},
            .delivery = 2,
            .incarnation = 3,
            .kind = Entry::kEnd,
            .result = Result::kFailed};
  }

  std::string folder_;
};

TEST_F(LedgerTest, ReadsWhatWasWritten) {
  const auto writer = LedgerWriter::Open(path());
  ASSERT_THAT(writer, IsOk());
  const Record record = Numbered(4);
  writer->Append(record);
  LedgerReader reader(path());
  const std::vector<Record> read = reader.ReadNew();
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].time_ns, record.time_ns);
  EXPECT_EQ(read[0].stream_sequence, 4u);
  EXPECT_EQ(read[0].event, (EventRef{1, 4}));
  EXPECT_EQ(read[0].delivery, 2u);
  EXPECT_EQ(read[0].incarnation, 3u);
  EXPECT_EQ(read[0].kind, Entry::kEnd);
  EXPECT_EQ(read[0].result, Result::kFailed);
}

TEST_F(LedgerTest, ReadsOnlyWhatIsNew) {
  LedgerReader reader(path());
  EXPECT_TRUE(reader.ReadNew().empty()) << "not there yet";
  const auto writer = LedgerWriter::Open(path());
  for (std::uint32_t n = 1; n <= 5000; ++n) writer->Append(Numbered(n));
  EXPECT_EQ(reader.ReadNew().size(), 5000u);
  EXPECT_TRUE(reader.ReadNew().empty());
  writer->Append(Numbered(5001));
  const std::vector<Record> read = reader.ReadNew();
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].event.n, 5001u);
}

TEST_F(LedgerTest, AppendsToWhatAnotherProcessLeft) {
  ASSERT_THAT(LedgerWriter::Open(path()), IsOk());
  for (std::uint32_t n = 1; n <= 2; ++n) LedgerWriter::Open(path())->Append(Numbered(n));
  EXPECT_EQ(LedgerReader(path()).ReadNew().size(), 2u);
}

TEST_F(LedgerTest, LeavesAHalfWrittenRecordForLater) {
  const auto writer = LedgerWriter::Open(path());
  writer->Append(Numbered(1));
  const Record second = Numbered(2);
  std::ofstream half(path(), std::ios::app | std::ios::binary);
  half.write(reinterpret_cast<const char*>(&second), 10).flush();
  LedgerReader reader(path());
  EXPECT_EQ(reader.ReadNew().size(), 1u);
  half.write(reinterpret_cast<const char*>(&second) + 10, sizeof second - 10).flush();
  const std::vector<Record> read = reader.ReadNew();
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].event.n, 2u);
}

TEST_F(LedgerTest, KeepsRecordsOfSeveralThreadsWhole) {
  const auto writer = LedgerWriter::Open(path());
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&writer, t] {
      for (std::uint32_t n = 0; n < 1000; ++n) writer->Append({.stream_sequence = n ^ t, .event = {t, n}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<Record> read = LedgerReader(path()).ReadNew();
  EXPECT_EQ(read.size(), 4000u);
  for (const Record& record : read) EXPECT_EQ(record.stream_sequence, record.event.n ^ record.event.key);
}

TEST_F(LedgerTest, SurvivesSigkillOfItsWriter) {
  const pid_t child = fork();
  if (child == 0) {
    const auto writer = LedgerWriter::Open(path());
    for (std::uint32_t n = 1; n <= 1000; ++n) writer->Append(Numbered(n));
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(LedgerReader(path()).ReadNew().size(), 1000u);
}

TEST_F(LedgerTest, SaysWhichFileItCannotOpen) {
  const auto writer = LedgerWriter::Open(folder_ + "/none/a.ledger");
  EXPECT_THAT(writer, testing::StatusIs(absl::StatusCode::kInternal, ::testing::HasSubstr("none/a.ledger")));
}

}  // namespace
}  // namespace penstock::chaos
