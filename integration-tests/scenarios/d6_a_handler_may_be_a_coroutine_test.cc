// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include "penstock/eventbus/task/coroutine.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

/// Counts those that live: what a coroutine holds must go with it.
struct Held {
  explicit Held(std::atomic<int>& count) : count_(&count) { ++*count_; }
  Held(const Held& other) : count_(other.count_) { ++*count_; }
  ~Held() { --*count_; }
  std::atomic<int>* count_;
};

class ACoroutine : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    bus_ = Connect();
  }
  template <typename F>
  void Handle(F handler, EnvelopeSubscribeOptions options = {}) {
    options.durable = "billing";
    ASSERT_THAT(bus_->SubscribeEnvelope("orders", std::move(options), Coroutine(std::move(handler))), IsOk());
  }
  void Publish(const std::string& key, const std::string& payload) {
    ASSERT_THAT(bus_->PublishEnvelope("orders", Event(key, payload)), IsOk());
  }
  bool Acked(std::uint64_t count) const {
    return Eventually([&] { return OnlySubscription(*bus_).acked == count; }, kPatience);
  }

  std::atomic<int> held_ = 0;
  Log log_;
  std::unique_ptr<EventBus> bus_;
};

TEST_P(ACoroutine, HoldsItsKeyAndNoWorker) {
  std::atomic<int> waiting = 0, most = 0;
  PublishNumbered(*bus_, "orders", 20, 5);
  Handle([&](Envelope event, CoroutineDelivery) -> Task<Outcome> {
    const Held held(held_);
    const int now = ++waiting;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    co_await Slept(milliseconds(20));
    --waiting;
    log_.Add(event.aggregate_id, event.payload);
    co_return Ack();
  });
  EXPECT_TRUE(log_.Reaches(100));
  EXPECT_TRUE(Acked(100));
  EXPECT_GT(most, 2) << "there are two workers";
  for (int key = 0; key < 20; ++key) EXPECT_EQ(log_.Of("k" + std::to_string(key)), Numbers(5)) << key;
  EXPECT_EQ(held_, 0);
}

Task<int> Twice(int number) {
  co_await Slept(milliseconds(1));
  co_return 2 * number;
}
Task<void> Fail(bool really) {
  co_await Slept(milliseconds(1));
  if (really) throw std::runtime_error("as asked for");
}

TEST_P(ACoroutine, AwaitsTasksPublishesAndResults) {
  ASSERT_THAT(bus_->SubscribeEnvelope(
                  "bills", {.durable = "printing", .results = {.keep = true}},
                  [](const Envelope& event, const Delivery&) { return Outcome::With("printed " + event.payload); }),
              IsOk());
  Publish("a", "21");
  ASSERT_THAT(
      bus_->SubscribeEnvelope(
          "orders", {.durable = "billing"}, Coroutine([&](Envelope event, CoroutineDelivery delivery) -> Task<Outcome> {
            const Held held(held_);
            const Task<int> doubled = Twice(std::stoi(event.payload));
            Envelope bill = Event(event.aggregate_id, std::to_string(co_await doubled));
            bill.event_id = "bill-" + event.event_id;
            auto publishing = Published(*delivery.bus, "bills", bill);
            const auto ack = co_await publishing;
            if (!ack.ok()) co_return ack.status();
            const auto printing = ResultOf(*delivery.bus, "bills", "printing", bill.event_id, kPatience);
            const auto result = co_await printing;
            log_.Add(event.aggregate_id, result.ok() ? result->value : result.status().ToString());
            const Task<void> nothing = Fail(false);
            co_await nothing;
            auto refusing = Published(*delivery.bus, "no topic", bill);
            const auto refused = co_await refusing;
            log_.Add(event.aggregate_id, refused.ok() ? "sent" : "refused");
            co_return Ack();
          })),
      IsOk());
  EXPECT_TRUE(log_.Reaches(2));
  EXPECT_THAT(log_.Of("a"), ElementsAre("printed 42", "refused"));
  EXPECT_TRUE(Eventually([&] { return held_ == 0; }, kPatience));
}

TEST_P(ACoroutine, ThatThrowsIsTriedAgain) {
  std::atomic<int> attempts = 0;
  Publish("a", "1");
  Handle(
      [&](Envelope event, CoroutineDelivery delivery) -> Task<Outcome> {
        const Held held(held_);
        ++attempts;
        if (delivery.attempt == 1) throw std::runtime_error("at once");
        const Task<void> failing = Fail(delivery.attempt == 2);
        co_await failing;
        log_.Add(event.aggregate_id, event.payload);
        if (delivery.attempt == 3) co_return Retry("later");
        co_return Reject("never");
      },
      {.retry = {.min_backoff = milliseconds(1), .max_backoff = milliseconds(5)}});
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus_).terminated == 1; }, kPatience));
  EXPECT_EQ(attempts, 4);
  const auto letters = bus_->dead_letters().List({.topic = "orders"});
  ASSERT_THAT(letters, IsOk());
  ASSERT_EQ(letters->letters.size(), 1u);
  EXPECT_EQ(letters->letters[0].error, "never");
  EXPECT_EQ(held_, 0);
}

using Start = std::function<void(Callback<int>)>;

TEST_P(ACoroutine, GoesOnWhenItsCallbackIsCalled) {
  std::vector<std::jthread> threads;
  const std::map<std::string, Start> starts = {
      {"at once", [](const Callback<int>& done) { done(1); }},
      {"twice",
       [](const Callback<int>& done) {
         done(1);
         done(2);
       }},
      {"thread", [&](Callback<int> done) { threads.emplace_back([done = std::move(done)] { done(1); }); }},
      {"dropped", [](const Callback<int>&) {}},
      {"throws first", [](const Callback<int>&) { throw std::runtime_error("no"); }},
      {"throws then",
       [](const Callback<int>& done) {
         done(1);
         throw std::runtime_error("no");
       }},
  };
  for (const auto& [name, start] : starts)
    Publish(name.substr(0, name.find(' ')) + "-" + std::to_string(name.size()), name);
  Handle([&](Envelope event, CoroutineDelivery) -> Task<Outcome> {
    const Held held(held_);
    try {
      auto calling = Called<int>(starts.at(event.payload));
      const absl::StatusOr<int> called = co_await calling;
      log_.Add(event.payload, called.ok() ? std::to_string(*called) : absl::StatusCodeToString(called.status().code()));
    } catch (const std::exception& error) {
      log_.Add(event.payload, error.what());
    }
    co_return Ack();
  });
  EXPECT_TRUE(log_.Reaches(starts.size()));
  for (const char* name : {"at once", "twice", "thread", "throws then"})
    EXPECT_THAT(log_.Of(name), ElementsAre("1")) << name;
  EXPECT_THAT(log_.Of("dropped"), ElementsAre("CANCELLED"));
  EXPECT_THAT(log_.Of("throws first"), ElementsAre("no"));
  EXPECT_TRUE(Acked(starts.size()));
  EXPECT_EQ(held_, 0);
}

TEST_P(ACoroutine, ThatWaitsWhenItsBusEndsIsDestroyedAndItsEventComesAgain) {
  std::optional<Callback<int>> never;
  std::atomic<int> begun = 0;
  std::atomic<bool> is_called = false;
  Publish("sleeps", "1");
  Publish("called", "1");
  Handle([&](Envelope event, CoroutineDelivery) -> Task<Outcome> {
    const Held held(held_);
    ++begun;
    if (event.aggregate_id == "sleeps") co_await Slept(std::chrono::hours(1));
    auto calling = Called<int>([&](Callback<int> done) {
      never = std::move(done);
      is_called = true;
    });
    const absl::StatusOr<int> called = co_await calling;
    EXPECT_THAT(called, IsOk());
    co_return Ack();
  });
  ASSERT_TRUE(Eventually([&] { return begun == 2 && is_called; }, kPatience));
  const auto keeps_the_embedded_bus = Connect(Options("other"));
  EXPECT_EQ(bus_->Drain(milliseconds(50)).handed_back, 2u);
  bus_ = Connect();
  EXPECT_EQ(held_, 1) << "of the one that is to be called";
  (*never)(1);
  EXPECT_EQ(held_, 0);
  ASSERT_THAT(bus_->SubscribeEnvelope("orders", {.durable = "billing"}, Logging(log_)), IsOk());
  EXPECT_TRUE(log_.Reaches(2));
}

TEST_P(ACoroutine, MayNotDrainItsBus) {
  Publish("a", "1");
  Handle([&](Envelope event, CoroutineDelivery delivery) -> Task<Outcome> {
    co_await Slept(milliseconds(1));
    log_.Add(event.aggregate_id, absl::StatusCodeToString(delivery.bus->Drain(kPatience).status.code()));
    co_return Ack();
  });
  EXPECT_TRUE(log_.Reaches(1));
  EXPECT_THAT(log_.Of("a"), ElementsAre("FAILED_PRECONDITION"));
}

TEST_P(ACoroutine, WorkIsPostedToTheWorkersOfABus) {
  std::atomic<int> ran = 0;
  const Executor executor = bus_->executor();
  const auto posted = [&](milliseconds delay) { return Executor(executor).Post([&ran] { ++ran; }, delay); };
  EXPECT_THAT(posted(milliseconds(0)), IsOk());
  EXPECT_THAT(posted(milliseconds::min()), IsOk());
  EXPECT_THAT(posted(milliseconds(5)), IsOk());
  EXPECT_THAT(posted(milliseconds::max()), IsOk());
  EXPECT_THAT(Executor(executor).Post([] { throw std::runtime_error("posted"); }), IsOk());
  EXPECT_THAT(Executor(executor).Post(nullptr), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(Eventually([&] { return ran == 3; }, kPatience));
  bus_.reset();
  EXPECT_THAT(posted(milliseconds(0)), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(ran, 3);
}

PENSTOCK_ON_EVERY_TRANSPORT(ACoroutine);

}  // namespace
}  // namespace penstock::testing
