// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "penstock/eventbus/actor.h"
#include "penstock/eventbus/bucket.h"
#include "penstock/eventbus/json_codec.h"
#include "scenarios/gate.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

struct Sync {
  std::int64_t account = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Sync, account)

}  // namespace
}  // namespace penstock::testing

template <>
struct penstock::Codec<penstock::testing::Sync> : penstock::JsonCodec<penstock::testing::Sync> {
  static std::string Type() { return "Sync"; }
};

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

EnvelopeSubscribeOptions Keeping(milliseconds time_to_live = std::chrono::hours(1)) {
  return {.retry = {.max_attempts = 2, .min_backoff = milliseconds(1), .max_backoff = milliseconds(1)},
          .results = {.keep = true, .time_to_live = time_to_live}};
}

const Actor<Sync> kSync("sync", Keeping());
const SendOptions kNightly{.key = "account-7", .unique = "sync-of-account-7"};

class AUniqueMessage : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    sender_ = Connect(Options("sender"));
    other_ = Connect(Options("other"));
    host_ = Connect(Options("host"));
  }

  // What handles a message waits for the gate.
  void Host(const Outcome& outcome = Ack()) {
    ASSERT_THAT(
        kSync.Host(*host_,
                   [this, outcome, opened = gate_.opened()](const Sync&, const Envelope& event, const Delivery&) {
                     log_.Add("begun", event.event_id);
                     opened.wait();
                     return outcome;
                   }),
        IsOk());
  }
  SentMessage Send(EventBus& bus) {
    const auto sent = kSync.Send(bus, {.account = 7}, kNightly);
    EXPECT_THAT(sent, IsOk());
    return sent.ok() ? *sent : SentMessage();
  }
  // A message of that name that is not the one of `before`.
  SentMessage SendNext(const SentMessage& before) {
    SentMessage sent;
    EXPECT_TRUE(Eventually([&] { return (sent = Send(*other_)).id != before.id; }, kPatience));
    return sent;
  }

  Log log_;
  std::unique_ptr<EventBus> sender_, other_, host_;
  Gate gate_;
};

TEST_P(AUniqueMessage, IsNotQueuedAgainWhileItIsQueuedOrRuns) {
  const SentMessage queued = Send(*sender_);
  EXPECT_FALSE(queued.ack.duplicate);
  const SentMessage again = Send(*other_);
  EXPECT_TRUE(again.ack.duplicate);
  EXPECT_EQ(again.id, queued.id);
  EXPECT_EQ(again.ack.sequence, queued.ack.sequence);
  EXPECT_EQ(again.ack.stream, queued.ack.stream);
  Host();
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_EQ(Send(*other_).id, queued.id);
  gate_.Open();
  ASSERT_THAT(kSync.AwaitResult(*sender_, queued.id, kPatience), IsOk());
  const SentMessage next = SendNext(queued);
  EXPECT_FALSE(next.ack.duplicate);
  ASSERT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("begun"), ::testing::ElementsAre(queued.id, next.id));
}

TEST_P(AUniqueMessage, MayBeQueuedAgainWhenItWasGivenUp) {
  gate_.Open();
  Host(Retry("not today"));
  const SentMessage first = Send(*sender_);
  const auto result = kSync.AwaitResult(*sender_, first.id, kPatience);
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->handled);
  EXPECT_EQ(result->attempts, 2u);
  const SentMessage next = SendNext(first);
  EXPECT_THAT(kSync.AwaitResult(*sender_, next.id, kPatience), IsOk());
}

TEST_P(AUniqueMessage, IsOneWhoeverSendsItAtOnce) {
  Host();
  std::vector<std::thread> senders;
  std::vector<SentMessage> sent(8);
  for (std::size_t i = 0; i < sent.size(); ++i)
    senders.emplace_back([&, i] { sent[i] = Send(i % 2 == 0 ? *sender_ : *other_); });
  for (std::thread& each : senders) each.join();
  for (const SentMessage& each : sent) EXPECT_EQ(each.id, sent[0].id);
  EXPECT_EQ(std::ranges::count(sent, false, [](const SentMessage& each) { return each.ack.duplicate; }), 1);
  // Messages of other names pass.
  ASSERT_THAT(kSync.Send(*sender_, {.account = 8}, {.unique = "sync-of-account-8"}), IsOk());
  ASSERT_TRUE(log_.Reaches(2));
  gate_.Open();
  ASSERT_THAT(kSync.AwaitResult(*sender_, sent[0].id, kPatience), IsOk());
  EXPECT_EQ(log_.Of("begun").size(), 2u);
}

// Its sender was killed in between.
TEST_P(AUniqueMessage, IsSentByTheNextWhenItWasClaimedAndNotSent) {
  auto bucket = sender_->Bucket("PENSTOCK_RESULTS", {.time_to_live = std::chrono::hours(1)});
  ASSERT_THAT(bucket, IsOk());
  const SentMessage first = Send(*sender_);
  const auto entries = [&] {
    std::vector<std::string> keys;
    std::atomic<bool> all = false;
    Log seen;
    auto watch = (*bucket)->Watch(">", {.on_entry = [&](const BucketEntry& entry) { seen.Add("key", entry.key); },
                                        .on_up_to_date = [&] { all = true; }});
    EXPECT_TRUE(Eventually([&] { return all.load(); }, kPatience));
    return seen.Of("key");
  }();
  ASSERT_EQ(entries.size(), 1u);
  const std::string id = NewEventId();
  ASSERT_THAT((*bucket)->Put(entries[0], R"({"event_id":")" + id + "\"}"), IsOk());
  const SentMessage next = Send(*other_);
  EXPECT_EQ(next.id, id);
  EXPECT_FALSE(next.ack.duplicate);
  EXPECT_EQ(Send(*sender_).id, id);
  // What is no claim holds nobody up.
  ASSERT_THAT((*bucket)->Put(entries[0], "[[["), IsOk());
  EXPECT_NE(Send(*other_).id, id);
}

TEST_P(AUniqueMessage, CountsAsFinishedWhenItsClaimIsTooOld) {
  auto options = Keeping(milliseconds(1500));
  options.results.bucket = "SHORT";
  const Actor<Sync> brief("brief", options);
  const auto first = brief.Send(*sender_, {.account = 7}, kNightly);
  ASSERT_THAT(first, IsOk());
  EXPECT_TRUE(Eventually(
      [&] {
        const auto sent = brief.Send(*sender_, {.account = 7}, kNightly);
        return sent.ok() && sent->id != first->id;
      },
      kPatience));
}

TEST_P(AUniqueMessage, IsRefusedWithItsRemedyWhenItCannotBe) {
  const auto refusal = [&](const Actor<Sync>& actor, const SendOptions& options) {
    const absl::Status status = actor.Send(*sender_, {.account = 7}, options).status();
    EXPECT_FALSE(status.ok());
    return status.ToString();
  };
  EXPECT_THAT(refusal(kSync, {.id = "a", .unique = "x"}), HasSubstr("id is set too"));
  EXPECT_THAT(refusal(kSync, {.unique = "x", .delay = milliseconds(5)}), HasSubstr("delay or deliver_at is set too"));
  EXPECT_THAT(refusal(kSync, {.unique = std::string(129, 'x')}), HasSubstr("field \"unique\""));
  EXPECT_THAT(refusal(kSync, {.unique = "a\nb"}), HasSubstr("field \"unique\""));
  EXPECT_THAT(refusal(kSync, {.key = std::string(4000, 'k'), .unique = "x"}), HasSubstr("aggregate_id"));
  EXPECT_THAT(refusal(Actor<Sync>("forgetful"), {.unique = "x"}), HasSubstr("set results.keep"));
  EXPECT_THAT(refusal(Actor<Sync>("no name", Keeping()), {.unique = "x"}), HasSubstr("actor"));
  // Nothing of that has taken the name.
  EXPECT_FALSE(kSync.Send(*sender_, {.account = 7}, {.unique = "x"})->ack.duplicate);
  sender_->Close();
  EXPECT_THAT(kSync.Send(*sender_, {.account = 7}, kNightly), StatusIs(absl::StatusCode::kFailedPrecondition));
}

PENSTOCK_ON_EVERY_TRANSPORT(AUniqueMessage);

}  // namespace
}  // namespace penstock::testing
