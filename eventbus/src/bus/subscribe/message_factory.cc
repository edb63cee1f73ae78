// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/message_factory.h"

#include <string_view>
#include <utility>

#include "bus/dead_letters/letter_headers.h"
#include "naming/decimal.h"
#include "naming/names.h"
#include "penstock/eventbus/envelope.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kSparesAtRest = 64;
constexpr int kMostPriority = 100;

}  // namespace

std::unique_ptr<InFlightMessage> MessageFactory::NewItem() {
  if (spares_.empty()) return std::make_unique<InFlightMessage>();
  std::unique_ptr<InFlightMessage> item = std::move(spares_.back());
  spares_.pop_back();
  std::destroy_at(item.get());
  std::construct_at(item.get());
  return item;
}

std::unique_ptr<InFlightMessage> MessageFactory::Make(std::unique_ptr<StoredMessage> message) {
  std::unique_ptr<InFlightMessage> item = NewItem();
  item->sequence = item->origin = message->stream_sequence();
  item->message = std::move(message);
  AssignKey(*item);
  if (spec_.flow.acknowledges) AssignRedrive(*item);
  if (spec_.by_priority) AssignPriority(*item);
  return item;
}

// Keys are compared in the header's encoding, so that an ID read from a body meets the same ID from a header.
void MessageFactory::AssignKey(InFlightMessage& item) const {
  const StoredMessage& message = *item.message;
  if (auto key = message.Header(header::kAggregateId); key && !key->empty()) {
    item.key = *key;
  } else if (spec_.body_has_key) {
    auto id = AggregateIdOf(message.payload(), message.Header(header::kContentType).value_or(std::string_view{}));
    if (!id.ok() || id->empty()) return;
    item.key_storage = PercentEncode(*id);
    item.key = item.key_storage;
  } else {
    return;
  }
  item.key_hash = actorpool::internal::PoolAccess::HashOf(item.key);
  item.actor = pool_.ActorOf(item.key_hash);
}

void MessageFactory::AssignRedrive(InFlightMessage& item) const {
  const auto whose = item.message->Header(header::kRedriveFor);
  if (!whose) return;
  item.for_other_consumer = *whose != spec_.consumer_spec.consumer;
  item.letter = HeaderNumber(*item.message, header::kDeadLetter);
  if (const auto origin = HeaderNumber(*item.message, header::kOriginSequence); origin != 0) item.origin = origin;
}

// Any program may have set the header.
void MessageFactory::AssignPriority(InFlightMessage& item) {
  item.priority = spec_.priority;
  const auto text = item.message->Header(header::kPriority);
  if (!text) return;
  const auto own = ParseDecimal<int>(*text);
  if (own && *own >= -kMostPriority && *own <= kMostPriority) {
    item.priority += *own;
  } else if (!std::exchange(odd_priority_told_, true)) {
    odd_priority_ = item.sequence;
  }
}

void MessageFactory::Shrink() {
  if (spares_.size() > kSparesAtRest) spares_.resize(kSparesAtRest);
}

}  // namespace penstock::eventbus
