// SPDX-License-Identifier: Apache-2.0
#include "bus/follow/topic_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "memory/memory_transport.h"

namespace penstock::eventbus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::seconds kPatience{20};

class TopicFollowerTest : public testing::Test {
 protected:
  void Make(const std::string& topic, Storage storage = Storage::kMemory) {
    ASSERT_TRUE(transport_.EnsureStream({.name = "E_" + topic, .subjects = {topic}, .storage = storage}).ok());
  }
  /// Follows every topic; `on_open` is asked for the result of each, on the thread that opens it.
  PatternSpec Everything(std::function<absl::Status(const std::string&)> on_open = {}) {
    return {.id = 7,
            .pattern = ">",
            .open = [this, on_open = std::move(on_open)](const std::string& topic,
                                                         Beginning) -> absl::StatusOr<std::uint64_t> {
              if (absl::Status status = on_open ? on_open(topic) : absl::OkStatus(); !status.ok()) return status;
              MutexLock lock(mutex_);
              opened_.push_back(topic);
              changed_.NotifyAll();
              return opened_.size();
            },
            .close =
                [this](std::uint64_t member, bool) {
                  MutexLock lock(mutex_);
                  closed_.push_back(opened_.at(member - 1));
                  changed_.NotifyAll();
                }};
  }
  std::vector<std::string> opened() {
    MutexLock lock(mutex_);
    return opened_;
  }
  std::vector<std::string> closed() {
    MutexLock lock(mutex_);
    return closed_;
  }
  bool Reach(std::size_t opened, std::size_t closed) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    MutexLock lock(mutex_);
    while (opened_.size() < opened || closed_.size() < closed) {
      if (!changed_.WaitUntil(lock, deadline)) return false;
    }
    return true;
  }

  memory::MemoryTransport transport_{""};
  std::vector<std::string> lines_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> opened_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> closed_ ABSL_GUARDED_BY(mutex_);
  TopicFollower follower_{"E", transport_, [this](LogLevel, std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(TopicFollowerTest, OpensWhatThereIsAndWhatAppearsAndClosesAllWhenItIsRemoved) {
  Make("a");
  ASSERT_TRUE(follower_.Add(Everything(), true).ok());
  EXPECT_THAT(opened(), ElementsAre("a")) << "before Add returns";
  Make("b");
  ASSERT_TRUE(Reach(2, 0));
  EXPECT_TRUE(follower_.Remove(7, true));
  EXPECT_THAT(closed(), UnorderedElementsAre("a", "b"));
  EXPECT_FALSE(follower_.Remove(7, true));
}

TEST_F(TopicFollowerTest, TheFirstErrorClosesWhatWasOpened) {
  Make("a");
  Make("b");
  const absl::Status added = follower_.Add(Everything([](const std::string& topic) {
                                             return topic == "b" ? absl::AlreadyExistsError("b") : absl::OkStatus();
                                           }),
                                           true);
  EXPECT_EQ(added.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(closed(), ElementsAre("a"));
  EXPECT_FALSE(follower_.Remove(7, true));
}

TEST_F(TopicFollowerTest, ATopicThatDoesNotFitIsPassedOverAndToldOnce) {
  Make("a");
  Make("b", Storage::kFile);
  Make("c");
  int tries = 0;
  ASSERT_TRUE(follower_
                  .Add(Everything([&](const std::string& topic) {
                         if (topic != "c") return absl::OkStatus();
                         return ++tries < 2 ? absl::FailedPreconditionError("sealed") : absl::OkStatus();
                       }),
                       true)
                  .ok());
  EXPECT_THAT(opened(), ElementsAre("a"));
  ASSERT_TRUE(Reach(2, 0)) << "it is tried again";
  follower_.Stop();
  EXPECT_THAT(opened(), ElementsAre("a", "c"));
  EXPECT_THAT(lines_, ElementsAre(testing::HasSubstr("topic \"b\" is passed over: stream \"E_b\" has file storage"),
                                  testing::HasSubstr("topic \"c\" is passed over: sealed")));
}

TEST_F(TopicFollowerTest, ALookThatIsUnderWayEndsWhatIsRemovedWithoutWaiting) {
  ASSERT_TRUE(follower_
                  .Add(Everything([this](const std::string&) {
                         EXPECT_TRUE(follower_.Remove(7, false));  // on the thread that looks
                         return absl::OkStatus();
                       }),
                       true)
                  .ok());
  Make("a");
  ASSERT_TRUE(Reach(1, 1));
  EXPECT_THAT(closed(), ElementsAre("a"));
}

TEST_F(TopicFollowerTest, RemovingWaitsForAnOpenThatRunsAndClosesIt) {
  std::promise<void> entered, leave;
  ASSERT_TRUE(follower_
                  .Add(Everything([&](const std::string&) {
                         entered.set_value();
                         leave.get_future().wait();
                         return absl::OkStatus();
                       }),
                       true)
                  .ok());
  Make("a");
  ASSERT_EQ(entered.get_future().wait_for(kPatience), std::future_status::ready);
  auto removed = std::async(std::launch::async, [&] { return follower_.Remove(7, true); });
  EXPECT_EQ(removed.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  leave.set_value();
  EXPECT_TRUE(removed.get());
  EXPECT_THAT(closed(), ElementsAre("a"));
}

TEST_F(TopicFollowerTest, ForgetsWhatHasEndedByItself) {
  Make("a");
  std::atomic<bool> ended{false};
  PatternSpec spec = Everything();
  spec.ended = [&ended] { return ended.load(); };
  ASSERT_TRUE(follower_.Add(std::move(spec), true).ok());
  ended = true;
  ASSERT_TRUE(Reach(1, 1));
  EXPECT_FALSE(follower_.Remove(7, true));
}

TEST_F(TopicFollowerTest, LooksNoMoreOnceItIsStopped) {
  ASSERT_TRUE(follower_.Add(Everything(), true).ok());
  follower_.Stop();
  Make("a");
  PatternSpec late = Everything();
  late.id = 8;
  EXPECT_EQ(follower_.Add(std::move(late), true).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(opened(), IsEmpty());
}

}  // namespace
}  // namespace penstock::eventbus
