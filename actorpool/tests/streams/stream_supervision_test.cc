// SPDX-License-Identifier: Apache-2.0
// What becomes of a stream whose callback throws.
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/streams/stream_fixture.h"

namespace penstock::actorpool {
namespace {

using std::chrono::minutes;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class StreamSupervisionTest : public StreamTest {
 protected:
  /// Throws at the numbers below `throws`, and notes the others.
  void RegisterThrowing(const std::string& id, int throws) {
    Register(id, [this, id, throws](int number) {
      if (number < throws) throw std::runtime_error("boom");
      Note(id, number);
      return absl::OkStatus();
    });
  }
};

TEST_F(StreamSupervisionTest, AThrowEndsItsMessageOnly) {
  RegisterThrowing("a", 1);
  DispatchMany("a", 3);
  Drained();
  EXPECT_EQ(Handled("a"), (std::vector<int>{1, 2}));
  const StreamStats total = registry_->Stats().total;
  EXPECT_EQ(total.failed, 1u);
  EXPECT_EQ(total.restarts, 1u);
  EXPECT_EQ(total.succeeded, 2u);
  ASSERT_THAT(lines_.all(), SizeIs(1));
  EXPECT_EQ(lines_.all()[0].first, LogLevel::kWarning);
  EXPECT_EQ(lines_.all()[0].second, "stream \"a\" of registry \"streams\": handler threw: boom; it restarts in 0ms");
}

TEST_F(StreamSupervisionTest, SomethingElseThanAnExceptionMayBeThrown) {
  Register("a", [this](int number) -> absl::Status {
    if (number == 0) throw 42;
    Note("a", number);
    return absl::OkStatus();
  });
  DispatchMany("a", 2);
  Drained();
  EXPECT_EQ(Handled("a"), std::vector<int>{1});
  EXPECT_THAT(lines_.all()[0].second, HasSubstr("unknown exception"));
}

TEST_F(StreamSupervisionTest, RepeatedThrowsSuspendTheStreamAndNoOther) {
  Open({.restart = {.max_restarts = 2, .window = minutes(60), .suspension = minutes(10)}}, 1);
  RegisterThrowing("a", 3);
  RegisterThrowing("b", 0);
  DispatchMany("a", 5);
  while (registry_->Stats().total.suspensions == 0) std::this_thread::yield();
  EXPECT_EQ(registry_->StatsOf("a")->restarts, 2u);
  EXPECT_EQ(registry_->StatsOf("a")->queued, 2u);
  Dispatch("b", 2);
  EXPECT_TRUE(registry_->Unregister("b", Pending::kFinish, kPatience).ok());
  EXPECT_EQ(Handled("b").back(), 2);
  EXPECT_TRUE(Handled("a").empty()) << "it is suspended";
  const auto lines = lines_.all();
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[2].first, LogLevel::kError);
  EXPECT_THAT(lines[2].second, AllOf(HasSubstr("stream \"a\""), HasSubstr("it is suspended for 600000ms")));
}

TEST_F(StreamSupervisionTest, ASuspendedStreamGoesOnAfterwards) {
  Open({.restart = {.max_restarts = 0, .suspension = std::chrono::milliseconds(20)}}, 1);
  RegisterThrowing("a", 2);
  DispatchMany("a", 4);
  EXPECT_TRUE(ended_.Await(2));
  EXPECT_EQ(Handled("a"), (std::vector<int>{2, 3}));
}

TEST_F(StreamSupervisionTest, AnIdleStreamRemembersItsPause) {
  Open({.restart = {.max_restarts = 0, .suspension = minutes(10)}}, 1);
  RegisterThrowing("a", 1);
  Dispatch("a", 0);
  while (registry_->Stats().total.suspensions == 0 || registry_->Stats().total.running > 0) std::this_thread::yield();
  Dispatch("a", 7);
  Register("b", Noting("b"));
  Dispatch("b", 1);
  EXPECT_TRUE(ended_.Await(1));
  EXPECT_TRUE(Handled("a").empty()) << "what is dispatched to a suspended stream waits";
  EXPECT_EQ(registry_->StatsOf("a")->queued, 1u);
}

}  // namespace
}  // namespace penstock::actorpool
