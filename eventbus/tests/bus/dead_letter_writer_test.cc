// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/dead_letter_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "letters.h"
#include "transport/refusal.h"

namespace penstock::eventbus {
namespace {

using testing::ElementsAre;
using testing::FieldsAre;
using testing::IsEmpty;

class DeadLetterWriterTest : public LettersTest {
 protected:
  std::vector<DeadLetterWriter::OutstandingLetter> Outstanding(std::string_view topic = "orders",
                                                               std::string_view consumer = "billing") {
    auto letters = writer_->Outstanding(topic, consumer);
    EXPECT_TRUE(letters.ok()) << letters.status();
    return letters.ok() ? letters->letters : std::vector<DeadLetterWriter::OutstandingLetter>{};
  }
};

TEST_F(DeadLetterWriterTest, TellsWhatIsOutstandingForAConsumerOfATopic) {
  EXPECT_THAT(Outstanding(), IsEmpty());
  EXPECT_TRUE(Store(3, "o%2042"));
  EXPECT_TRUE(Store(5, "k", "audit"));
  EXPECT_TRUE(Store(*FailedItem(6, "k"), "billing", "orders.eu"));
  EXPECT_TRUE(Store(9, ""));
  const auto redriven = FailedItem(12, "k");
  redriven->origin = 4;
  EXPECT_TRUE(Store(*redriven));
  EXPECT_THAT(Outstanding(), ElementsAre(FieldsAre("o%2042", 3U), FieldsAre("", 9U), FieldsAre("k", 4U)));
  EXPECT_THAT(Outstanding("orders.eu"), ElementsAre(FieldsAre("k", 6U)));
  EXPECT_THAT(Outstanding("orders", "nobody"), IsEmpty());
}

TEST_F(DeadLetterWriterTest, TheSameDeliveryIsStoredOnce) {
  EXPECT_TRUE(Store(3, "k"));
  EXPECT_TRUE(Store(3, "k"));
  EXPECT_EQ(Outstanding().size(), 1U);
}

// Its stream knows the letter's ID.
TEST_F(DeadLetterWriterTest, ALetterThatItsStreamDidNotKeepIsNotStored) {
  EXPECT_TRUE(Store(3, "k"));
  EXPECT_TRUE(Remove(1));
  EXPECT_FALSE(Store(3, "k"));
  EXPECT_THAT(Outstanding(), IsEmpty());
}

TEST_F(DeadLetterWriterTest, RemovesALetterAndTakesAnAbsentOneAsRemoved) {
  EXPECT_TRUE(Store(3, "k"));
  EXPECT_TRUE(Remove(1));
  EXPECT_THAT(Outstanding(), IsEmpty());
  EXPECT_TRUE(Remove(1));
  EXPECT_TRUE(Remove(77));
}

TEST_F(DeadLetterWriterTest, LooksALetterUp) {
  EXPECT_TRUE(Store(3, "k"));
  EXPECT_TRUE(Store(4, "k"));
  EXPECT_TRUE(Remove(1));
  EXPECT_EQ(LookUp(1), LetterPresence::kGone);
  EXPECT_EQ(LookUp(2), LetterPresence::kThere);
  transport_->Close();
  EXPECT_EQ(LookUp(2), LetterPresence::kUnknown);
  writer_->Stop();
  EXPECT_EQ(LookUp(2), LetterPresence::kUnknown);
}

TEST_F(DeadLetterWriterTest, ALetterThatItsStreamNeverHadWasNotRemoved) {
  EXPECT_TRUE(Store(3, "k"));
  EXPECT_EQ(LookUp(77), LetterPresence::kUnknown) << "a server may lack the end of the stream for a moment";
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  LetterPresence presence = LetterPresence::kUnknown;
  while (presence == LetterPresence::kUnknown && std::chrono::steady_clock::now() < deadline) presence = LookUp(77);
  EXPECT_EQ(presence, LetterPresence::kThere);
}

TEST_F(DeadLetterWriterTest, TellsTheEndOfEveryRemovalBeforeItStops) {
  constexpr int kCount = 50;
  int told = 0;  // of the writer's thread, then of ours: `Stop` is in between
  for (std::uint64_t i = 1; i <= kCount; ++i) {
    writer_->Remove(i, [&told](LetterRemoval removal) { told += removal == LetterRemoval::kRemoved ? 1 : 0; });
  }
  writer_->Stop();
  EXPECT_EQ(told, kCount);
  EXPECT_FALSE(Remove(1)) << "after the stop";
  writer_->Stop();
}

TEST_F(DeadLetterWriterTest, AClosedTransportStoresAndRemovesNothing) {
  EXPECT_TRUE(Store(3, "k"));
  transport_->Close();
  EXPECT_FALSE(Store(4, "k"));
  EXPECT_FALSE(Remove(1));
  EXPECT_EQ(writer_->Outstanding("orders", "billing").status().code(), absl::StatusCode::kFailedPrecondition);
}

// As a server's answers are, since the embedded bus has none of them.
TEST(RefusalTest, OnlyWhatSomebodyHasToChangeIsARefusal) {
  EXPECT_TRUE(IsRefusal(absl::PermissionDeniedError("")));
  EXPECT_TRUE(IsRefusal(absl::FailedPreconditionError("")));
  for (const auto code :
       {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kCancelled,
        absl::StatusCode::kInternal, absl::StatusCode::kNotFound, absl::StatusCode::kResourceExhausted}) {
    EXPECT_FALSE(IsRefusal(absl::Status(code, "")));
  }
  EXPECT_TRUE(IsStreamMissing(MarkedAsStreamMissing(absl::NotFoundError("gone"))));
  EXPECT_FALSE(IsStreamMissing(absl::NotFoundError("gone")));
}

}  // namespace
}  // namespace penstock::eventbus
