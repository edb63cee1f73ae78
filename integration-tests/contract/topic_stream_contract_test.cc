// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "contract/transport_contract.h"
#include "support/eventually.h"
#include "transport/refusal.h"

// Which streams there are, and where consumers without acknowledgements begin in them.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::IsOk;
using penstock::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class TopicStreamContractTest : public TransportContract {
 protected:
  void Make(const std::string& name, std::vector<std::string> subjects, Storage storage = Storage::kMemory) {
    ASSERT_THAT(transport().EnsureStream({.name = name, .subjects = std::move(subjects), .storage = storage}), IsOk());
  }
  std::vector<std::string> List(const std::string& pattern) {
    auto names = transport().ListStreams(pattern);
    EXPECT_THAT(names, IsOk());
    return names.ok() ? *std::move(names) : std::vector<std::string>{};
  }
};

PENSTOCK_TRANSPORT_CONTRACT(TopicStreamContractTest);

TEST_P(TopicStreamContractTest, StreamsAreListedByAnyOfTheirSubjects) {
  Make("A", {"chat.a"});
  Make("B", {"chat.b", "news.b"});
  Make("WIDE", {"wide.*.x"});
  EXPECT_THAT(List("chat.*"), UnorderedElementsAre("A", "B"));
  EXPECT_THAT(List("chat.>"), UnorderedElementsAre("A", "B"));
  EXPECT_THAT(List("*.b"), ElementsAre("B"));
  EXPECT_THAT(List("chat.a"), ElementsAre("A"));
  EXPECT_THAT(List("wide.>"), ElementsAre("WIDE"));
  EXPECT_THAT(List("wide.y.*"), ElementsAre("WIDE"));
  EXPECT_THAT(List("chat"), IsEmpty());
  EXPECT_THAT(List("nothing.>"), IsEmpty());
  EXPECT_THAT(List(">"), UnorderedElementsAre("A", "B", "WIDE", "ORDERS"));
}

TEST_P(TopicStreamContractTest, MoreStreamsThanAServerTellsAtATimeAreAllListed) {
  constexpr int kCount = 1100;  // a server tells 1,024
  for (int i = 0; i < kCount; ++i) Make("T" + std::to_string(i), {"t." + std::to_string(i)});
  std::vector<std::string> names = List("t.*");
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  EXPECT_EQ(names.size(), std::size_t{kCount});
}

// A server that is making a stream tells who asks for the same one that its subjects overlap.
TEST_P(TopicStreamContractTest, AStreamThatManyMakeAtOnceIsMadeForAllOfThem) {
  constexpr int kMakers = 4, kStreams = 200;
  std::vector<std::unique_ptr<Transport>> transports;
  for (int i = 0; i < kMakers; ++i) transports.push_back(Connect());
  std::barrier at_once(kMakers);
  std::vector<std::jthread> makers;
  for (const auto& transport : transports) {
    makers.emplace_back([&transport, &at_once] {
      for (int i = 0; i < kStreams; ++i) {
        at_once.arrive_and_wait();
        const std::string number = std::to_string(i);
        EXPECT_THAT(transport->EnsureStream({.name = "T" + number, .subjects = {"t." + number}}), IsOk());
      }
    });
  }
}

TEST_P(TopicStreamContractTest, AStreamIsFoundAsItIsOrNotAtAll) {
  Make("A", {"chat.a"}, Storage::kMemory);
  Make("B", {"chat.b"}, Storage::kFile);
  const auto memory = transport().FindStream("A");
  ASSERT_THAT(memory, IsOk());
  EXPECT_EQ(memory->storage, Storage::kMemory);
  EXPECT_THAT(memory->subjects, ElementsAre("chat.a"));
  const auto file = transport().FindStream("B");
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->storage, Storage::kFile);
  const auto none = transport().FindStream("C");
  EXPECT_THAT(none, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_TRUE(IsStreamMissing(none.status()));
  EXPECT_THAT(List("chat.>"), UnorderedElementsAre("A", "B")) << "looking made nothing";
}

TEST_P(TopicStreamContractTest, AConsumerMayBeginWithTheFirstMessageThereIs) {
  PublishMany(3);
  ConsumerRecorder all, fresh;
  ConsumerSpec spec = SpecFor(ConsumerKind::kAtMostOnce, "");
  const auto newest = Open(spec, fresh);
  spec.begins = Beginning::kFirst;
  const auto consumer = Open(spec, all);
  PublishMany(2);
  ASSERT_TRUE(all.Reach(5) && fresh.Reach(2));
  EXPECT_THAT(all.Sequences(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(fresh.Sequences(), ElementsAre(4, 5));
}

TEST_P(TopicStreamContractTest, AConsumerWhoseConnectionWentAwayWithoutAWordIsForgotten) {
  ConsumerRecorder staying, leaving;
  ConsumerSpec spec = SpecFor(ConsumerKind::kAtMostOnce, "");
  const auto stays = Open(spec, staying);
  auto elsewhere = Connect();
  spec.inactive_after = std::chrono::seconds(1);
  auto leaves = Open(*elsewhere, spec, leaving.Events());
  const auto consumers = [&] {
    const auto facts = transport().FindStream("ORDERS");
    return facts.ok() ? facts->consumers : 0;
  };
  ASSERT_EQ(consumers(), 2u);
  elsewhere->Close();  // before the consumer could tell the server
  leaves.reset();
  EXPECT_TRUE(penstock::testing::Eventually([&] { return consumers() == 1; }, ConsumerRecorder::kPatience))
      << "without anybody publishing";
  PublishMany(1);
  EXPECT_TRUE(staying.Reach(1));
}

TEST_P(TopicStreamContractTest, AfterCloseNothingIsListed) {
  transport().Close();
  EXPECT_THAT(transport().ListStreams(">"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(transport().FindStream("ORDERS"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace penstock::eventbus::contract
