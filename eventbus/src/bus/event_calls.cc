// SPDX-License-Identifier: Apache-2.0
// Calls of a bus that are made of others of its calls.
#include "bus/cancel/request_cancel.h"
#include "bus/liveness/list_workers.h"
#include "bus/publish/ack_waiter.h"
#include "naming/names.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock {

absl::StatusOr<PubAck> EventBus::Publish(std::string_view topic, std::string_view body, PublishOptions options) {
  return eventbus::AwaitAck(
      [&](PublishCallback done) { return PublishAsync(topic, body, std::move(done), std::move(options)); });
}

absl::StatusOr<PubAck> EventBus::PublishEnvelope(std::string_view topic, Envelope envelope, PublishOptions options) {
  return eventbus::AwaitAck([&](PublishCallback done) {
    return PublishEnvelopeAsync(topic, std::move(envelope), std::move(done), std::move(options));
  });
}

absl::StatusOr<Cancelled> EventBus::Cancel(std::string_view topic, std::string_view durable, std::string_view event_id,
                                           std::chrono::milliseconds timeout, const CancelOptions& options) {
  auto status = eventbus::CheckTopic("cancel an event of", topic, this->options().base_stream_name);
  if (status.ok()) status = eventbus::CheckName("durable", durable);
  if (!status.ok()) return status;
  // Whatever else this says: what was published, or is being published, is asked for.
  if (timeout.count() >= 0 && CancelDelayed(topic, event_id).ok()) return Cancelled::kDelayed;
  return eventbus::RequestCancel(*this, topic, durable, event_id, timeout, options);
}

absl::StatusOr<std::vector<WorkerLiveness>> EventBus::Liveness(const BucketCallOptions& call) {
  return eventbus::ListWorkers(*this, options().liveness.bucket, call);
}

}  // namespace penstock
