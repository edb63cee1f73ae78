// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_watch.h"

#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "memory/broker_consumer.h"
#include "memory/memory_message.h"

namespace penstock::eventbus::memory {
namespace {

// Of the subscriber, which never gives any back.
constexpr std::size_t kEndlessCredit = std::numeric_limits<std::size_t>::max() / 2;

}  // namespace

absl::StatusOr<std::unique_ptr<KeyValueWatch>> MemoryWatch::Start(std::shared_ptr<Broker> broker, const void* user,
                                                                  const std::string& stream, const std::string& filter,
                                                                  StreamWatchEvents events, std::stop_token closing) {
  std::unique_ptr<MemoryWatch> watch(
      new MemoryWatch(std::move(broker), stream, filter, std::move(events), std::move(closing)));
  if (watch->events_.begins == BucketWatchBeginning::kChanges) {
    const std::optional<StreamContents> contents = watch->broker_->Contents(stream);
    if (contents) watch->last_sequence_ = contents->last_sequence;
  }
  const ConsumerSpec spec{
      .stream = stream, .filter_subject = filter, .kind = ConsumerKind::kAtMostOnce, .max_in_flight = kEndlessCredit};
  auto subscriber = watch->broker_->OpenConsumer(
      user, spec, {.on_messages = [raw = watch.get()](const auto& /*messages*/) { raw->Wake(); }});
  if (!subscriber.ok()) return subscriber.status();
  watch->subscriber_ = *std::move(subscriber);
  watch->thread_.Start([raw = watch.get()](const std::stop_token& stop) { raw->Run(stop); });
  return watch;
}

MemoryWatch::MemoryWatch(std::shared_ptr<Broker> broker, std::string stream, std::string filter,
                         StreamWatchEvents events, std::stop_token closing)
    : broker_(std::move(broker)),
      stream_(std::move(stream)),
      filter_(std::move(filter)),
      events_(std::move(events)),
      closing_(std::move(closing)) {}

MemoryWatch::~MemoryWatch() {
  Stop();
  if (subscriber_ != nullptr) broker_->StopSubscriber(*subscriber_);
}

void MemoryWatch::Run(const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] { Wake(); });
  const std::stop_callback on_closing(closing_, [this] { Wake(); });
  if (events_.begins == BucketWatchBeginning::kLastOfEachKey) ReportInitial(stop);
  if (!Ended(stop)) events_.on_up_to_date();
  while (!Ended(stop)) {
    ReportChanges(stop);
    AwaitChange(stop);
  }
}

void MemoryWatch::ReportInitial(const std::stop_token& stop) {
  for (std::shared_ptr<const Record>& record : broker_->ReadLastOfEach(stream_, filter_)) {
    if (Ended(stop)) return;
    Report(std::move(record));
  }
}

void MemoryWatch::ReportChanges(const std::stop_token& stop) {
  while (!Ended(stop)) {
    std::shared_ptr<const Record> record = broker_->Read(stream_, filter_, last_sequence_ + 1);
    if (record == nullptr) return;
    Report(std::move(record));
  }
}

void MemoryWatch::Report(std::shared_ptr<const Record> record) {
  last_sequence_ = record->sequence;
  events_.on_message(MemoryMessage(Taken{.record = std::move(record)}));
}

void MemoryWatch::AwaitChange(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (!changed_ && !Ended(stop)) woken_.Wait(lock);
  changed_ = false;
}

void MemoryWatch::Wake() {
  MutexLock lock(mutex_);
  changed_ = true;
  woken_.NotifyAll();
}

}  // namespace penstock::eventbus::memory
