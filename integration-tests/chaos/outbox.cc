// SPDX-License-Identifier: Apache-2.0
#include "chaos/outbox.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "chaos/names.h"

namespace penstock::chaos {

Outbox::Outbox(std::uint64_t seed, const EventPlan& plan, const LedgerWriter& ledger, std::uint16_t incarnation,
               const std::vector<Record>& past)
    : seed_(seed), events_(plan.events()), ledger_(ledger), incarnation_(incarnation) {
  std::set<EventRef> unacked;
  for (const Record& record : past) {
    if (record.kind == Entry::kAcked) unacked.erase(record.event);
    if (record.kind != Entry::kAttempt) continue;
    unacked.insert(record.event);
    ++next_;  // each event is attempted once in the books, in the plan's order
  }
  for (std::size_t index = 0; index < next_; ++index) {
    if (unacked.contains(events_[index])) backlog_.push_back(index);
  }
}

void Outbox::PublishBacklog(EventBus& bus) {
  for (const std::size_t index : std::exchange(backlog_, {})) Publish(bus, index);
}

void Outbox::PublishNext(EventBus& bus) {
  const std::size_t index = next_++;
  ledger_.Append({.time_ns = MonotonicNow(),
                  .stream_sequence = 0,
                  .event = events_[index],
                  .delivery = 0,
                  .incarnation = incarnation_,
                  .kind = Entry::kAttempt,
                  .result = Result::kNone});
  Publish(bus, index);
}

void Outbox::Publish(EventBus& bus, std::size_t index) {
  PublishFailed(bus);
  const EventRef event = events_[index];
  Envelope envelope;
  envelope.event_id = EventId(seed_, event);
  envelope.aggregate_id = KeyName(event.key);
  envelope.event_type = "ChaosHappened";
  envelope.payload = Payload(seed_, event);
  {
    MutexLock lock(mutex_);
    ++in_flight_;
  }
  auto done = [this, index](const absl::StatusOr<PubAck>& ack) { OnEnd(index, ack); };
  const absl::Status refused = bus.PublishEnvelopeAsync(kTopic, std::move(envelope), std::move(done));
  if (!refused.ok()) OnEnd(index, refused);
}

void Outbox::OnEnd(std::size_t index, const absl::StatusOr<PubAck>& ack) {
  ledger_.Append({.time_ns = MonotonicNow(),
                  .stream_sequence = ack.ok() ? ack->sequence : 0,
                  .event = events_[index],
                  .delivery = 0,
                  .incarnation = incarnation_,
                  .kind = ack.ok() ? Entry::kAcked : Entry::kFailedPublish,
                  .result = Result::kNone});
  if (!ack.ok()) std::fprintf(stderr, "event %zu: %s\n", index, std::string(ack.status().message()).c_str());
  MutexLock lock(mutex_);
  --in_flight_;
  if (!ack.ok()) failed_.push_back(index);
  ended_.NotifyAll();
}

// Nothing may be on its way while the failed ones go again: a later one of the same key could be stored first.
void Outbox::PublishFailed(EventBus& bus) {
  std::vector<std::size_t> again;
  {
    MutexLock lock(mutex_);
    if (failed_.empty()) return;
    while (in_flight_ > 0) ended_.Wait(lock);
    again = std::exchange(failed_, {});
  }
  std::sort(again.begin(), again.end());
  for (const std::size_t index : again) Publish(bus, index);
}

void Outbox::AwaitAcks(EventBus& bus) {
  while (true) {
    {
      MutexLock lock(mutex_);
      while (in_flight_ > 0) ended_.Wait(lock);
      if (failed_.empty()) return;
    }
    PublishFailed(bus);
  }
}

}  // namespace penstock::chaos
