// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "bus/dead_letters/dead_letter_writer.h"
#include "bus/dead_letters/dead_letters_factory.h"
#include "bus/publish/topic_streams.h"
#include "delivery/in_flight_message.h"
#include "memory/memory_message.h"
#include "penstock/eventbus/dead_letters.h"
#include "penstock/eventbus/event_bus.h"
#include "transport/connect.h"

namespace penstock::eventbus {

inline constexpr std::chrono::system_clock::time_point kNoon{std::chrono::seconds(1'700'000'000)};

/// A message of `EVENTS_orders` that failed twice: the last time at noon.
inline std::unique_ptr<InFlightMessage> FailedItem(std::uint64_t sequence, const std::string& key,
                                                   std::string body = "body", Headers headers = {}) {
  headers.emplace_back(header::kMessageId, "id-" + std::to_string(sequence));
  if (!key.empty()) headers.emplace_back(header::kAggregateId, key);
  auto item = std::make_unique<InFlightMessage>();
  item->message = std::make_unique<memory::MemoryMessage>(
      memory::Taken{.record = std::make_shared<const memory::Record>(memory::Record{.subject = "orders",
                                                                                    .body = std::move(body),
                                                                                    .headers = std::move(headers),
                                                                                    .sequence = sequence,
                                                                                    .stored_at = kNoon}),
                    .delivery_count = 2,
                    .pending = 0});
  item->sequence = item->origin = sequence;
  item->key_storage = key;
  item->key = item->key_storage;
  item->failures = 2;
  item->first_failed_at = kNoon - std::chrono::nanoseconds(1);
  item->last_failed_at = kNoon;
  item->result = {.kind = HandlerResult::Kind::kRetry, .reason = "card terminal is down"};
  return item;
}

/// An embedded bus below its public interface, with the streams of one topic and of the dead letters.
class LettersTest : public testing::Test {
 protected:
  void SetUp() override {
    auto transport = ConnectMemory(options_);
    ASSERT_TRUE(transport.ok());
    transport_ = *std::move(transport);
    streams_ = std::make_unique<TopicStreams>(options_, *transport_);
    writer_ = std::make_unique<DeadLetterWriter>(options_, *transport_, *streams_);
    letters_ = DeadLettersFactory::Make(options_, *transport_, *streams_);
    ASSERT_TRUE(streams_->Ensure("orders", Storage::kFile, StreamAccess::kPublish).ok());
    ASSERT_TRUE(streams_->EnsureDeadLetters().ok());
  }
  void TearDown() override { writer_->Stop(); }

  bool Store(const InFlightMessage& item, std::string_view consumer = "billing", std::string_view topic = "orders") {
    std::promise<bool> told;
    writer_->Store(item, {.topic = topic, .stream = "EVENTS_orders", .consumer = consumer, .handler = "charge-cards"},
                   [&told](bool stored) { told.set_value(stored); });
    return told.get_future().get();
  }
  bool Store(std::uint64_t sequence, const std::string& key, std::string_view consumer = "billing") {
    return Store(*FailedItem(sequence, key), consumer);
  }
  bool Remove(std::uint64_t letter) {
    std::promise<bool> told;
    writer_->Remove(letter, [&told](LetterRemoval removal) { told.set_value(removal == LetterRemoval::kRemoved); });
    return told.get_future().get();
  }
  LetterPresence LookUp(std::uint64_t letter) {
    std::promise<LetterPresence> told;
    writer_->LookUp(letter, [&told](LetterPresence presence) { told.set_value(presence); });
    return told.get_future().get();
  }
  // The message at or after `from` of the topic.
  std::unique_ptr<StoredMessage> Published(std::uint64_t from = 1, const std::string& topic = "orders") {
    auto message = transport_->ReadMessage(StreamName("EVENTS", topic), topic, from);
    return message.ok() ? *std::move(message) : nullptr;
  }

  const BusOptions options_{.url = "memory://", .client_id = "letters", .base_stream_name = "EVENTS"};
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<TopicStreams> streams_;
  std::unique_ptr<DeadLetterWriter> writer_;
  std::unique_ptr<DeadLetters> letters_;
};

}  // namespace penstock::eventbus
