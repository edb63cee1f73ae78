// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/due_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace penstock::eventbus {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

class SizedMessage final : public StoredMessage {
 public:
  explicit SizedMessage(std::size_t bytes) { size_bytes_ = bytes; }
  std::optional<std::string_view> Header(std::string_view) const override { return std::nullopt; }
  Headers AllHeaders() const override { return {}; }
  std::unique_ptr<StoredMessage> Stub() const override { return nullptr; }
};

class DueQueueTest : public testing::Test {
 protected:
  static DueQueue::Time At(int second) { return DueQueue::Time(seconds(1'700'000'000 + second)); }
  /// Each subject is a key of its own.
  bool Insert(const std::string& subject, std::uint64_t sequence, int second, std::size_t bytes = 1) {
    return InsertOfKey(std::hash<std::string>{}(subject), subject, sequence, second, bytes);
  }
  bool InsertOfKey(std::uint64_t key, const std::string& subject, std::uint64_t sequence, int second,
                   std::size_t bytes = 1) {
    return queue_.Insert(
        {At(second), sequence, subject, key, bytes > 0 ? std::make_unique<SizedMessage>(bytes) : nullptr});
  }
  /// And publishes them.
  std::vector<std::uint64_t> TakeAll(int second) {
    std::vector<std::uint64_t> sequences;
    while (const auto taken = queue_.TakeDue(At(second))) {
      sequences.push_back(taken->sequence);
      queue_.Done(taken->key);
    }
    return sequences;
  }
  DueQueue queue_{100};
};

TEST_F(DueQueueTest, GivesWhatIsDueByTimeAndInStreamOrder) {
  Insert("a", 1, 5);
  Insert("b", 2, 3);
  Insert("c", 3, 3);
  Insert("d", 4, 9);
  EXPECT_EQ(queue_.FirstDue(), At(3));
  EXPECT_THAT(TakeAll(2), ElementsAre());
  EXPECT_THAT(TakeAll(5), ElementsAre(2, 3, 1));
  EXPECT_EQ(queue_.size(), 1u);
  EXPECT_EQ(queue_.bytes(), 1u);
}

TEST_F(DueQueueTest, ALaterMessageOfTheSubjectReplacesTheEarlierOne) {
  Insert("a", 1, 5);
  EXPECT_FALSE(Insert("a", 1, 1)) << "it is known";
  EXPECT_TRUE(Insert("a", 7, 8));
  EXPECT_FALSE(Insert("a", 3, 1)) << "one that comes late";
  EXPECT_THAT(TakeAll(7), ElementsAre());
  EXPECT_THAT(TakeAll(8), ElementsAre(7));
}

TEST_F(DueQueueTest, ErasingTakesWhatWasThereThen) {
  Insert("a", 5, 1);
  queue_.Erase("a", 4);
  EXPECT_EQ(queue_.size(), 1u);
  queue_.Erase("a", 6);
  queue_.Erase("b", 6);
  EXPECT_EQ(queue_.size(), 0u);
  EXPECT_EQ(queue_.FirstDue(), std::nullopt);
}

TEST_F(DueQueueTest, BeyondItsBytesMessagesAreReadShortlyBefore) {
  Insert("a", 1, 5, 100);
  Insert("b", 2, 4, 1);
  EXPECT_EQ(queue_.bytes(), 100u);
  EXPECT_FALSE(queue_.FirstUnread(At(4)));
  const auto unread = queue_.FirstUnread(At(5));
  ASSERT_TRUE(unread);
  EXPECT_EQ(unread->subject, "b");
  EXPECT_THAT(TakeAll(9), ElementsAre()) << "what comes first waits to be read";
  queue_.Fill(*unread, std::make_unique<SizedMessage>(1));
  EXPECT_FALSE(queue_.FirstUnread(At(9)));
  EXPECT_THAT(TakeAll(9), ElementsAre(2, 1));
  EXPECT_EQ(queue_.bytes(), 0u);
}

TEST_F(DueQueueTest, WhatWasToBeReadMayComeByItself) {
  Insert("a", 1, 5, 0);
  EXPECT_FALSE(Insert("a", 1, 5, 1));
  EXPECT_FALSE(Insert("a", 1, 5, 1));
  EXPECT_EQ(queue_.bytes(), 1u);
  EXPECT_FALSE(queue_.FirstUnread(At(9)));
  EXPECT_THAT(TakeAll(5), ElementsAre(1));
}

TEST_F(DueQueueTest, WhatCannotBeReadNowHoldsNothingUp) {
  Insert("a", 1, 1, 0);
  Insert("b", 2, 2);
  queue_.PutOff({"a", 1}, At(7));
  queue_.PutOff({"nothing", 1}, At(7));
  EXPECT_THAT(TakeAll(5), ElementsAre(2));
  EXPECT_FALSE(queue_.FirstUnread(At(7)));
  EXPECT_THAT(TakeAll(7), ElementsAre());
  EXPECT_TRUE(queue_.FirstUnread(At(8)));
}

TEST_F(DueQueueTest, ReadingFillsOnlyWhatIsStillThere) {
  Insert("a", 1, 1, 0);
  Insert("a", 2, 2);
  queue_.Fill({"a", 1}, std::make_unique<SizedMessage>(1));
  EXPECT_EQ(queue_.bytes(), 1u);
  EXPECT_THAT(TakeAll(5), ElementsAre(2));
  Insert("a", 3, 1);
  queue_.Clear();
  EXPECT_EQ(queue_.size(), 0u);
  EXPECT_EQ(queue_.bytes(), 0u);
  EXPECT_TRUE(Insert("a", 3, 1)) << "nothing is known any more";
}

TEST_F(DueQueueTest, OfAKeyOneIsOutAtATime) {
  InsertOfKey(7, "a", 1, 1);
  InsertOfKey(7, "b", 2, 2);
  InsertOfKey(7, "c", 3, 3);
  InsertOfKey(8, "d", 4, 4);
  ASSERT_EQ(queue_.TakeDue(At(9))->sequence, 1u);
  ASSERT_EQ(queue_.TakeDue(At(9))->sequence, 4u) << "of another key";
  EXPECT_FALSE(queue_.TakeDue(At(9)));
  EXPECT_EQ(queue_.size(), 2u);
  EXPECT_EQ(queue_.FirstDue(), At(2));
  queue_.Erase("b", 2);
  InsertOfKey(7, "e", 5, 0);
  queue_.Done(7);
  EXPECT_THAT(TakeAll(9), ElementsAre(5, 3));
  EXPECT_EQ(queue_.bytes(), 0u);
}

TEST_F(DueQueueTest, WhatFailedKeepsItsPlaceBeforeLaterOnesOfItsKey) {
  InsertOfKey(7, "a", 1, 1);
  InsertOfKey(7, "b", 2, 2);
  InsertOfKey(8, "c", 3, 3);
  queue_.PutBack(*queue_.TakeDue(At(1)), At(5));
  EXPECT_THAT(TakeAll(4), ElementsAre(3));
  EXPECT_EQ(queue_.FirstDue(), At(1)) << "it is overdue";
  EXPECT_EQ(queue_.NextLook(), At(5));
  EXPECT_EQ(queue_.size(), 2u);
  EXPECT_THAT(TakeAll(5), ElementsAre()) << "it is read again, since it may be gone";
  const auto unread = queue_.FirstUnread(At(5));
  ASSERT_TRUE(unread);
  queue_.Fill(*unread, std::make_unique<SizedMessage>(1));
  EXPECT_THAT(TakeAll(5), ElementsAre(1, 2));
}

TEST_F(DueQueueTest, WhatFailedAndIsGoneHoldsUpNobody) {
  InsertOfKey(7, "a", 1, 1);
  InsertOfKey(7, "b", 2, 2);
  queue_.PutBack(*queue_.TakeDue(At(1)), At(5));
  EXPECT_THAT(TakeAll(4), ElementsAre());
  queue_.Erase("a", 1);
  EXPECT_THAT(TakeAll(5), ElementsAre(2));
  InsertOfKey(7, "c", 3, 3);
  DueQueue::Waiting failed = *queue_.TakeDue(At(6));
  InsertOfKey(9, "c", 4, 4);
  queue_.PutBack(std::move(failed), At(9));
  EXPECT_THAT(TakeAll(8), ElementsAre(4)) << "it was replaced meanwhile";
}

TEST_F(DueQueueTest, WhatIsOutIsOutEvenIfAllIsReadAnew) {
  InsertOfKey(7, "a", 1, 1);
  InsertOfKey(7, "b", 2, 2);
  ASSERT_TRUE(queue_.TakeDue(At(1)));
  queue_.Clear();
  InsertOfKey(7, "b", 2, 2);
  EXPECT_THAT(TakeAll(9), ElementsAre());
  queue_.Done(7);
  EXPECT_THAT(TakeAll(9), ElementsAre(2));
}

TEST_F(DueQueueTest, ReadsNoMoreAheadThanItsBytesTwice) {
  for (std::uint64_t i = 1; i <= 5; ++i) Insert(std::to_string(i), i, 1, 0);
  for (int i = 0; i < 2; ++i) queue_.Fill(*queue_.FirstUnread(At(9)), std::make_unique<SizedMessage>(100));
  EXPECT_FALSE(queue_.FirstUnread(At(9)));
  EXPECT_THAT(TakeAll(9), ElementsAre(1, 2));
  EXPECT_EQ(queue_.FirstUnread(At(9))->sequence, 3u);
}

}  // namespace
}  // namespace penstock::eventbus
