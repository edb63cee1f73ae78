// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/streams/stream_fixture.h"

namespace penstock::actorpool {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StreamRegistryTest : public StreamTest {
 protected:
  void ExpectError(const absl::Status& status, absl::StatusCode code, const std::string& text) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }
};

TEST_F(StreamRegistryTest, HandlesTheMessagesOfAStreamInOrder) {
  Register("a", Noting("a"), {.capacity = StreamOptions::kUnbounded});
  DispatchMany("a", 10'000);
  Drained();
  EXPECT_EQ(Handled("a"), Numbers(10'000));
}

TEST_F(StreamRegistryTest, NeverHandlesTwoMessagesOfAStreamAtOnce) {
  Open({.burst = 1}, 4);
  std::atomic<int> inside{0};
  std::atomic<int> overlaps{0};
  Register("a", [&](int) {
    if (inside.fetch_add(1) > 0) overlaps.fetch_add(1);
    std::this_thread::yield();
    inside.fetch_sub(1);
    return absl::OkStatus();
  });
  for (int i = 0; i < 2'000; ++i) {
    ASSERT_TRUE(registry_->Dispatch("a", i, kPatience).ok());
  }
  Drained();
  EXPECT_EQ(registry_->Stats().total.succeeded, 2'000u);
  EXPECT_EQ(overlaps, 0);
}

TEST_F(StreamRegistryTest, MessagesGoToTheCallbackOfTheirStream) {
  for (const char* id : {"a", "b", "c"}) Register(id, Noting(id));
  for (const char* id : {"c", "a", "b", "a"}) Dispatch(id, id[0]);
  Drained();
  EXPECT_EQ(Handled("a"), (std::vector<int>{'a', 'a'}));
  EXPECT_EQ(Handled("b"), std::vector<int>{'b'});
  EXPECT_EQ(Handled("c"), std::vector<int>{'c'});
}

TEST_F(StreamRegistryTest, AnUnknownStreamIsReportedAndCounted) {
  ExpectError(registry_->Dispatch("nobody", 1), absl::StatusCode::kNotFound,
              "dispatch to stream \"nobody\" of registry \"streams\": it is not registered; register it first");
  ExpectError(registry_->Unregister("nobody"), absl::StatusCode::kNotFound, "unregister stream \"nobody\"");
  ExpectError(registry_->StatsOf("nobody").status(), absl::StatusCode::kNotFound, "\"nobody\"");
  EXPECT_EQ(registry_->Stats().unknown, 1u);
}

TEST_F(StreamRegistryTest, ASecondRegistrationIsRefusedAndChangesNothing) {
  Register("a", Noting("first"));
  ExpectError(registry_->Register("a", Noting("second")), absl::StatusCode::kAlreadyExists,
              "register stream \"a\" of registry \"streams\": it is registered already; unregister it first");
  Dispatch("a", 7);
  Drained();
  EXPECT_EQ(Handled("first"), std::vector<int>{7});
  EXPECT_THAT(Handled("second"), IsEmpty());
}

TEST_F(StreamRegistryTest, AnUnregisteredStreamIsUnknown) {
  Register("a", Noting("a"));
  ASSERT_TRUE(registry_->Unregister("a").ok());
  EXPECT_EQ(registry_->Dispatch("a", 1).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_->Unregister("a").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_->Stats().streams, 0u);
}

TEST_F(StreamRegistryTest, AnEmptyOrVeryLongIdIsRefusedEverywhere) {
  for (const std::size_t bytes : {std::size_t{0}, kMaxStreamIdBytes + 1, std::size_t{10'000'000}}) {
    const std::string id(bytes, 'x');
    const std::string text = absl::StrCat("the stream ID has ", bytes, " bytes; use 1 to 1024");
    ExpectError(registry_->Register(id, Noting("x")), absl::StatusCode::kInvalidArgument, text);
    ExpectError(registry_->Unregister(id), absl::StatusCode::kInvalidArgument, text);
    ExpectError(registry_->Dispatch(id, 1), absl::StatusCode::kInvalidArgument, text);
    ExpectError(registry_->StatsOf(id).status(), absl::StatusCode::kInvalidArgument, text);
    EXPECT_LT(registry_->Dispatch(id, 1).message().size(), 400u) << "the ID is cut in errors";
  }
  EXPECT_EQ(registry_->Stats().unknown, 0u);
}

TEST_F(StreamRegistryTest, AnyOtherBytesAreAnId) {
  const std::string ids[] = {std::string(kMaxStreamIdBytes, 'x'), std::string("\0", 1), "\n\"\x1b[31m", "caf\xc3\xa9",
                             "\xff"};
  for (const std::string& id : ids) {
    Register(id, Noting(id));
    Dispatch(id, 1);
  }
  Drained();
  for (const std::string& id : ids) EXPECT_EQ(Handled(id), std::vector<int>{1});
}

TEST_F(StreamRegistryTest, ControlCharactersOfAnIdAreEscapedInErrors) {
  const std::string text(registry_->Dispatch("a\n\x1b", 1).message());
  EXPECT_THAT(text, HasSubstr("stream \"a\\n\\x1b\""));
}

TEST_F(StreamRegistryTest, AnEmptyCallbackIsRefused) {
  ExpectError(registry_->Register("a", nullptr), absl::StatusCode::kInvalidArgument,
              "register stream \"a\" of registry \"streams\": the callback is empty; pass one");
  ExpectError(registry_->Register("a", std::function<absl::Status(int)>()), absl::StatusCode::kInvalidArgument,
              "the callback is empty");
  EXPECT_EQ(registry_->Stats().streams, 0u);
}

TEST_F(StreamRegistryTest, ARefusedMessageIsLeftAsItWas) {
  Gate came;
  auto owners = StreamRegistry<std::unique_ptr<int>>::Create(*pool_).value();
  auto message = std::make_unique<int>(7);
  EXPECT_EQ(owners->Dispatch("nobody", std::move(message)).code(), absl::StatusCode::kNotFound);
  ASSERT_NE(message, nullptr);
  ASSERT_TRUE(owners
                  ->Register("a",
                             [&](std::unique_ptr<int> number) {
                               EXPECT_EQ(*number, 7);
                               came.Pass();
                               return absl::OkStatus();
                             })
                  .ok());
  ASSERT_TRUE(owners->Dispatch("a", std::move(message)).ok());
  EXPECT_TRUE(came.Await());
}

TEST_F(StreamRegistryTest, AMessageThatIsPassedAsAConstantIsCopied) {
  Gate came;
  auto texts = StreamRegistry<std::string>::Create(*pool_, {.name = "texts"}).value();
  const std::string text(100, 'x');
  const auto expect = [&](const std::string& copy) {
    EXPECT_EQ(copy, text);
    came.Pass();
    return absl::OkStatus();
  };
  ASSERT_TRUE(texts->Register("a", expect).ok());
  ASSERT_TRUE(texts->Dispatch("a", text).ok());
  EXPECT_TRUE(came.Await());
  EXPECT_EQ(text.size(), 100u);
}

TEST_F(StreamRegistryTest, AMessageIsDestroyedOnceItIsHandled) {
  Gate second_began;
  Gate release;
  auto registry = StreamRegistry<std::shared_ptr<int>>::Create(*pool_).value();
  ASSERT_TRUE(registry
                  ->Register("a",
                             [&](const std::shared_ptr<int>& number) {
                               if (*number == 1) second_began.Pass();
                               if (*number == 1) release.Await();
                               return absl::OkStatus();
                             })
                  .ok());
  auto first = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = first;
  ASSERT_TRUE(registry->Dispatch("a", std::move(first)).ok());
  ASSERT_TRUE(registry->Dispatch("a", std::make_shared<int>(1)).ok());
  ASSERT_TRUE(second_began.Await());
  EXPECT_TRUE(watch.expired());
  release.Pass();
}

TEST_F(StreamRegistryTest, CountsWhatBecameOfItsMessages) {
  Register("a", [](int number) { return number % 3 == 0 ? absl::DataLossError("third") : absl::OkStatus(); });
  DispatchMany("a", 9);
  Drained();
  const StreamRegistryStats stats = registry_->Stats();
  EXPECT_EQ(stats.name, "streams");
  EXPECT_EQ(stats.total.accepted, 9u);
  EXPECT_EQ(stats.total.succeeded, 6u);
  EXPECT_EQ(stats.total.failed, 3u);
  EXPECT_EQ(stats.total.dropped, 0u);
  EXPECT_EQ(stats.total.queued, 0u);
  EXPECT_EQ(stats.ending, 0u);
}

TEST_F(StreamRegistryTest, ShowsTheStatsOfOneStream) {
  Register("a", Waiting("a"));
  Register("b", Noting("b"));
  DispatchMany("a", 3);
  ASSERT_TRUE(began_.Await());
  const StreamStats stats = registry_->StatsOf("a").value();
  EXPECT_EQ(stats.accepted, 3u);
  EXPECT_EQ(stats.queued, 2u);
  EXPECT_EQ(stats.running, 1u);
  EXPECT_EQ(registry_->StatsOf("b").value().accepted, 0u);
  EXPECT_EQ(registry_->Stats().total.running, 1u);
  EXPECT_EQ(registry_->Stats().streams, 2u);
  release_.Pass(3);
}

TEST_F(StreamRegistryTest, SeveralRegistriesShareAPool) {
  Gate came;
  auto texts = StreamRegistry<std::string>::Create(*pool_, {.name = "texts"}).value();
  ASSERT_TRUE(texts
                  ->Register("a",
                             [&](const std::string& text) {
                               EXPECT_EQ(text, "hello");
                               came.Pass();
                               return absl::OkStatus();
                             })
                  .ok());
  Register("a", Noting("a"));
  ASSERT_TRUE(texts->Dispatch("a", "hello").ok());
  Dispatch("a", 1);
  ASSERT_TRUE(came.Await());
  ASSERT_TRUE(pool_
                  ->ProcessMessage({.work =
                                        [this] {
                                          Note("pool", 1);
                                          return absl::OkStatus();
                                        }})
                  .ok());
  EXPECT_TRUE(ended_.Await(2)) << "and the pool still handles messages of its own";
}

TEST_F(StreamRegistryTest, ACallbackMayCallEverything) {
  Register("b", Noting("b"));
  Register("a", [this](int number) {
    if (number == 0) {
      EXPECT_TRUE(registry_->Dispatch("a", 1, kPatience).ok());
      EXPECT_TRUE(registry_->Dispatch("b", 10).ok());
      EXPECT_TRUE(registry_->Register("c", Noting("c")).ok());
      EXPECT_TRUE(registry_->Dispatch("c", 20).ok());
      EXPECT_TRUE(registry_->Unregister("b", Pending::kFinish, kPatience).ok());
      EXPECT_EQ(registry_->Register("a", Noting("a")).code(), absl::StatusCode::kAlreadyExists);
      EXPECT_EQ(registry_->Stats().streams, 2u);
      EXPECT_EQ(registry_->Drain(kPatience).status().code(), absl::StatusCode::kFailedPrecondition);
      registry_->Stop();
    }
    Note("a", number);
    return absl::OkStatus();
  });
  Dispatch("a", 0);
  ASSERT_TRUE(ended_.Await(4));
  EXPECT_EQ(Handled("a"), (std::vector<int>{0, 1}));
  EXPECT_EQ(Handled("b"), std::vector<int>{10});
  EXPECT_EQ(Handled("c"), std::vector<int>{20});
  ASSERT_THAT(lines_.all(), SizeIs(1));
  EXPECT_EQ(lines_.all()[0].first, LogLevel::kError);
  EXPECT_THAT(lines_.all()[0].second, AllOf(HasSubstr("stop stream registry \"streams\""), HasSubstr("workers")));
}

TEST_F(StreamRegistryTest, NeedsAPoolThatTakesWork) {
  ASSERT_TRUE(pool_->Drain(kPatience).ok());
  ExpectError(Registry::Create(*pool_).status(), absl::StatusCode::kFailedPrecondition,
              "create stream registry \"streams\": its pool is draining or stopped");
}

}  // namespace
}  // namespace penstock::actorpool
