// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "scenarios/scenario.h"

namespace penstock::testing {

/// Keeps results and honours requests to cancel.
inline const EnvelopeSubscribeOptions kHonoured{
    .durable = "billing",
    .retry = {.min_backoff = std::chrono::milliseconds(1), .max_backoff = std::chrono::milliseconds(1)},
    .results = {.keep = true},
    .cancel = {.honour = true}};

/// Returns when the handler is asked to stop; false after long.
inline bool WaitForStop(const Delivery& delivery) {
  std::mutex mutex;
  std::condition_variable_any never_notified;
  std::unique_lock<std::mutex> lock(mutex);
  never_notified.wait_for(lock, delivery.stop_token(), kPatience, [] { return false; });
  return delivery.stop_token().stop_requested();
}

/// One process that handles the topic "orders" for the durable "billing", and one that publishes and cancels.
class Cancelling : public Scenario {
 protected:
  void SetUpOn(const std::string& transport) {
    transport == "jetstream" ? UseServer() : UseMemory();
    asker_ = Connect(Options("asker"));
    worker_ = Connect(Options("worker"));
  }

  static void Subscribe(EventBus& bus, EnvelopeHandler handler) {
    ASSERT_THAT(bus.SubscribeEnvelope("orders", kHonoured, std::move(handler)), IsOk());
  }
  std::string Publish(const std::string& key, const std::string& payload, std::string id = NewEventId()) {
    Envelope event = Event(key, payload);
    event.event_id = id;
    EXPECT_THAT(asker_->PublishEnvelope("orders", event), IsOk());
    return id;
  }
  Cancelled Cancel(std::string_view id, std::chrono::milliseconds timeout = kPatience) {
    const auto answer = asker_->Cancel("orders", "billing", id, timeout, kHonoured.cancel);
    EXPECT_THAT(answer, IsOk());
    return answer.ok() ? *answer : Cancelled::kRequested;
  }
  static bool HasReceived(const EventBus& bus, std::uint64_t count) {
    return Eventually([&] { return OnlySubscription(bus).received >= count; }, kPatience);
  }

  Log log_;
  std::unique_ptr<EventBus> asker_, worker_;
};

}  // namespace penstock::testing
