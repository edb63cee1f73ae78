// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/relay_book.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace penstock::eventbus {
namespace {

using Kind = RelayBook::Step::Kind;
using Noted = RelayBook::Noted;
using std::chrono::seconds;

class EmptyMessage final : public StoredMessage {
 public:
  EmptyMessage() { size_bytes_ = 1; }
  std::optional<std::string_view> Header(std::string_view) const override { return std::nullopt; }
  Headers AllHeaders() const override { return {}; }
  std::unique_ptr<StoredMessage> Stub() const override { return nullptr; }
};

class RelayBookTest : public testing::Test {
 protected:
  static RelayBook::Time At(int second) { return RelayBook::Time(seconds(1'700'000'000 + second)); }
  Noted Note(std::uint64_t sequence, const std::string& subject, int second, bool with_body = true) {
    return book_.Note(sequence, subject, {.due = At(second), .key = 7},
                      with_body ? std::make_unique<EmptyMessage>() : nullptr);
  }
  /// The message that is to be published now, as given to the transport; 0: none.
  RelayBook::Ticket Publish(int second) {
    const RelayBook::Step step = book_.Next(At(second));
    if (step.kind != Kind::kPublish) return {};
    book_.Sent();
    return book_.TicketOf(step.sequence);
  }
  void Store(const RelayBook::Ticket& ticket) {
    ASSERT_NE(book_.Answered(ticket), nullptr);
    book_.Stored(ticket.sequence);
  }
  void Mark(std::uint64_t sequence) {
    ASSERT_EQ(book_.Next(At(0)).kind, Kind::kMark);
    ASSERT_EQ(book_.Next(At(0)).kind, Kind::kNothing);
    book_.Marked(book_.beginning(), sequence);
    ASSERT_EQ(book_.Next(At(0)).kind, Kind::kLoad);
  }
  void Load() {
    Mark(0);
    ASSERT_TRUE(book_.Loaded(0));
  }
  RelayBook book_{{.most_bytes = 100, .most_unacknowledged = 2}};
};

TEST_F(RelayBookTest, PublishesNothingBeforeItHasReadWhatWaits) {
  Note(1, "a", 1);
  EXPECT_EQ(book_.Next(At(5)).kind, Kind::kMark);
  book_.Marked(book_.beginning(), 2);
  EXPECT_EQ(book_.Next(At(5)).kind, Kind::kLoad);
  EXPECT_TRUE(book_.Loaded(2));
  EXPECT_EQ(book_.Next(At(0)).kind, Kind::kNothing);
  const RelayBook::Step step = book_.Next(At(1));
  ASSERT_EQ(step.kind, Kind::kRead);
  book_.Fill(step.unread, std::make_unique<EmptyMessage>());
  EXPECT_EQ(Publish(1).sequence, 1u);
}

TEST_F(RelayBookTest, AReadingOfALaggingReplicaDoesNotCount) {
  Mark(9);
  Note(7, "b", 2, /*with_body=*/false);
  EXPECT_FALSE(book_.Loaded(7)) << "8 may be due earlier";
  Mark(10);
  EXPECT_EQ(book_.Note(10, "mark", {.mark = true}, nullptr), Noted::kKnown);
  EXPECT_TRUE(book_.Loaded(10));
  EXPECT_EQ(book_.mark(), 10u);
}

TEST_F(RelayBookTest, AMarkOfAnotherRelayIsRemoved) {
  Mark(9);
  EXPECT_EQ(book_.Note(10, "mark", {.mark = true}, nullptr), Noted::kKnown) << "not yet: its relay may read";
  EXPECT_TRUE(book_.Loaded(10));
  EXPECT_EQ(book_.mark(), 10u);
  EXPECT_EQ(book_.Note(10, "mark", {.mark = true}, nullptr), Noted::kKnown);
  EXPECT_EQ(book_.Note(11, "mark", {.mark = true}, nullptr), Noted::kRemove);
}

TEST_F(RelayBookTest, AMarkThatIsNotStoredIsTriedAgain) {
  for (const bool again : {true, true, false}) {
    ASSERT_EQ(book_.Next(At(0)).kind, Kind::kMark);
    EXPECT_EQ(book_.NotMarked(book_.beginning()), again);
  }
  book_.Marked(book_.beginning(), 0);
  ASSERT_EQ(book_.Next(At(0)).kind, Kind::kLoad) << "the order alone depends on it";
  EXPECT_TRUE(book_.Loaded(0));
}

TEST_F(RelayBookTest, WhatCameWithItsBodyBeforeTheReadingIsReadBeforeItIsPublished) {
  Note(1, "a", 1);
  Mark(3);
  EXPECT_TRUE(book_.Loaded(3));
  Note(2, "b", 1);
  const RelayBook::Step step = book_.Next(At(1));
  ASSERT_EQ(step.kind, Kind::kRead);
  EXPECT_EQ(step.unread.sequence, 1u);
}

TEST_F(RelayBookTest, AMarkOfAnEarlierBeginningDoesNotCount) {
  ASSERT_EQ(book_.Next(At(0)).kind, Kind::kMark);
  const std::uint64_t earlier = book_.beginning();
  book_.BeginAnew();
  book_.Marked(earlier, 3);
  book_.NotMarked(earlier);
  Mark(9);
  EXPECT_FALSE(book_.Loaded(3));
}

TEST_F(RelayBookTest, TheNextOfAKeyFollowsThePubAck) {
  Load();
  Note(1, "a", 1);
  Note(2, "b", 1);
  const RelayBook::Ticket first = Publish(1);
  EXPECT_EQ(Publish(1).sequence, 0u);
  Store(first);
  EXPECT_EQ(Publish(1).sequence, 2u);
}

TEST_F(RelayBookTest, WhatWasNotPublishedWaitsAndItsKeyWithIt) {
  Load();
  Note(1, "a", 1);
  Note(2, "b", 2);
  ASSERT_NE(book_.Answered(Publish(1)), nullptr);
  book_.PutBack(1, At(5));
  EXPECT_EQ(book_.Next(At(4)).kind, Kind::kNothing);
  EXPECT_EQ(book_.Next(At(5)).kind, Kind::kRead);
}

TEST_F(RelayBookTest, NoMoreAreUnacknowledgedThanMayBe) {
  Load();
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    book_.Note(sequence, std::to_string(sequence), {.due = At(1), .key = sequence}, std::make_unique<EmptyMessage>());
  }
  const RelayBook::Ticket first = Publish(1);
  EXPECT_EQ(Publish(1).sequence, 2u);
  EXPECT_EQ(book_.Next(At(1)).kind, Kind::kNothing);
  Store(first);
  EXPECT_EQ(Publish(1).sequence, 3u);
}

TEST_F(RelayBookTest, WhatIsOutOrWasRemovedIsNotTakenASecondTime) {
  Load();
  Note(1, "a", 1);
  const RelayBook::Ticket ticket = Publish(1);
  EXPECT_EQ(Note(1, "a", 1), Noted::kKnown);
  Store(ticket);
  book_.Removed(1, book_.epoch());
  EXPECT_FALSE(book_.has_out());
  EXPECT_EQ(Note(1, "a", 1), Noted::kKnown);
}

TEST_F(RelayBookTest, AMessageThatIsCalledOffIsRemovedAndNotPublished) {
  Load();
  Note(1, "a", 1);
  EXPECT_EQ(book_.Note(2, "a", {.called_off = true}, nullptr), Noted::kRemove);
  EXPECT_EQ(book_.Next(At(1)).kind, Kind::kNothing);
  EXPECT_EQ(book_.Note(3, "c", {}, nullptr), Noted::kForeign);
}

TEST_F(RelayBookTest, WhatWaitsIsReadAnewAfterOthersOwnedIt) {
  Load();
  Note(1, "a", 1);
  book_.BeginAnew();
  EXPECT_EQ(book_.Next(At(1)).kind, Kind::kMark);
}

TEST_F(RelayBookTest, NewsOfAnEarlierStreamSayNothingOfThisOne) {
  Load();
  Note(1, "a", 1);
  const RelayBook::Ticket old = Publish(1);
  const std::uint64_t epoch = book_.epoch();
  book_.ForgetStream();
  book_.BeginAnew();
  Load();
  EXPECT_EQ(Note(1, "b", 1), Noted::kWaits);
  book_.Removed(1, epoch);
  EXPECT_EQ(book_.Answered(old), nullptr);
  EXPECT_EQ(Publish(1).sequence, 1u);
}

TEST_F(RelayBookTest, ReadsShortlyBeforeWhatItHasWithoutItsBody) {
  Load();
  Note(1, "a", 10, /*with_body=*/false);
  EXPECT_EQ(book_.Next(At(9)).kind, Kind::kNothing);
  const RelayBook::Step step = book_.Next(At(10));
  ASSERT_EQ(step.kind, Kind::kRead);
  book_.Fill(step.unread, std::make_unique<EmptyMessage>());
  EXPECT_EQ(Publish(10).sequence, 1u);
}

}  // namespace
}  // namespace penstock::eventbus
