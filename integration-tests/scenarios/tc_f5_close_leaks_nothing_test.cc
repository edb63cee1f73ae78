// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <future>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

std::size_t Entries(const char* directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}
std::size_t Threads() { return Entries("/proc/self/task"); }
std::size_t Descriptors() { return Entries("/proc/self/fd"); }

class CloseLeaksNothing : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(CloseLeaksNothing);

TEST_P(CloseLeaksNothing, ThreadsAndDescriptorsAreBackAfterEveryClose) {
  std::atomic<int> handled{0};
  auto once = [&] {
    auto bus = Connect();
    EXPECT_THAT(bus->Subscribe("notices", [](const Delivery&) { return absl::OkStatus(); }), IsOk());
    EXPECT_THAT(bus->SubscribeEnvelope("orders",
                                       [&](const Envelope&, const Delivery&) {
                                         handled.fetch_add(1);
                                         return Ack();
                                       }),
                IsOk());
    PublishNumbered(*bus, "orders", 5, 5);
    bus->Close();
  };
  once();  // libraries keep threads of their own from the first use on
  const std::size_t threads = Threads();
  const std::size_t descriptors = Descriptors();
  for (int i = 0; i < 5; ++i) once();
  EXPECT_TRUE(Eventually([&] { return Threads() <= threads; }, kPatience)) << Threads() << " after " << threads;
  EXPECT_TRUE(Eventually([&] { return Descriptors() <= descriptors; }, kPatience));
}

TEST_P(CloseLeaksNothing, ClosingTwiceAndUsingAClosedBusIsSafe) {
  auto bus = Connect();
  bus->Close();
  bus->Close();
  EXPECT_THAT(bus->Drain(std::chrono::seconds{1}).status, IsOk());
  EXPECT_THAT(bus->Publish("notices", "n"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(bus->Subscribe("notices", [](const Delivery&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(bus->connected());
  EXPECT_EQ(bus->Stats().pool.actors.size(), 256u);
}

TEST_P(CloseLeaksNothing, WhatACloseInterruptsIsHandledByTheNextProcessInOrder) {
  Log log;
  auto publisher = Connect(Options("publisher"));
  PublishNumbered(*publisher, "orders", 20, 50);
  for (std::size_t target : {100, 300, 600}) {
    auto bus = Connect();
    ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(log)), IsOk());
    ASSERT_TRUE(log.Reaches(target));
    bus->Close();
  }
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(log)), IsOk());
  ASSERT_TRUE(log.Reaches(1000));
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  for (int k = 0; k < 20; ++k) EXPECT_EQ(log.Of("k" + std::to_string(k)), Numbers(50)) << k;
}

TEST_P(CloseLeaksNothing, SubscribingWhileTheBusClosesEitherSucceedsOrIsRefused) {
  for (int round = 0; round < 10; ++round) {
    auto bus = Connect();
    auto closer = std::async(std::launch::async, [&] { bus->Close(); });
    absl::Status last;
    for (int i = 0; last.ok(); ++i) {
      const std::string topic = "orders" + std::to_string(i);
      last = bus->SubscribeEnvelope(topic, [](const Envelope&, const Delivery&) { return Ack(); }).status();
    }
    closer.get();
    EXPECT_THAT(bus->Subscribe("late", [](const Delivery&) { return absl::OkStatus(); }),
                StatusIs(absl::StatusCode::kFailedPrecondition));
  }
}

TEST_P(CloseLeaksNothing, DrainFinishesWhatWasReceived) {
  Log log;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", Logging(log)), IsOk());
  PublishNumbered(*bus, "orders", 20, 50);
  ASSERT_TRUE(log.Reaches(1));
  ASSERT_THAT(bus->Drain(kPatience).status, IsOk());
  const auto stats = OnlySubscription(*bus);
  EXPECT_EQ(stats.in_flight, 0u);
  EXPECT_EQ(stats.acked, log.count());
}

TEST_P(CloseLeaksNothing, DrainGivesUpAtItsDeadlineAndSaysSo) {
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<bool> inside{false};
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders",
                                     [&](const Envelope&, const Delivery&) {
                                       inside = true;
                                       released.wait();
                                       return Ack();
                                     }),
              IsOk());
  PublishNumbered(*bus, "orders", 1, 2);
  ASSERT_TRUE(Eventually([&] { return inside.load(); }, kPatience));
  auto drained = std::async(std::launch::async, [&] { return bus->Drain(std::chrono::milliseconds{50}); });
  ASSERT_EQ(drained.wait_for(kPatience), std::future_status::ready) << "a drain ends, also when a handler does not";
  const DrainReport report = drained.get();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(report.finished, 0u);
  EXPECT_EQ(report.handed_back + report.abandoned, 2u);
  EXPECT_GE(report.abandoned, 1u);
  auto gone = std::async(std::launch::async, [&] { bus.reset(); });
  EXPECT_EQ(gone.wait_for(std::chrono::milliseconds{200}), std::future_status::timeout) << "it waits for what runs";
  release.set_value();
  gone.get();
}

TEST_P(CloseLeaksNothing, DrainAndCloseFromAHandlerAreRefused) {
  std::promise<absl::Status> drained;
  auto bus = Connect();
  ASSERT_THAT(bus->SubscribeEnvelope("orders",
                                     [&](const Envelope&, const Delivery&) {
                                       bus->Close();
                                       drained.set_value(bus->Drain(std::chrono::seconds{1}).status);
                                       return Ack();
                                     }),
              IsOk());
  PublishNumbered(*bus, "orders", 1, 1);
  EXPECT_THAT(drained.get_future().get(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace penstock::testing
