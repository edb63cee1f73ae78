// SPDX-License-Identifier: Apache-2.0
#include "memory/broker_consumer.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::memory {
namespace {

// How many messages are handed over at once, at most.
constexpr std::size_t kBatchSize = 256;

std::string_view AckPolicyName(bool ack_all) { return ack_all ? "all" : "explicit"; }

std::string_view KindName(ConsumerKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"exclusive", "shared", "at-most-once"};  // as in `ConsumerKind`
  return kNames[static_cast<std::size_t>(kind)];
}

absl::Status Misfit(const ConsumerSpec& spec, std::string_view field, std::string_view has, std::string_view asked) {
  return absl::FailedPreconditionError(absl::StrCat("open consumer \"", spec.consumer, "\" of stream \"", spec.stream,
                                                    "\": its ", std::string(field), " is \"", std::string(has),
                                                    "\" but \"", std::string(asked),
                                                    "\" was asked for; use another durable name or the same options"));
}

}  // namespace

absl::Status CheckConsumer(const ConsumerSpec& spec, const ConsumerEvents& events) {
  const std::string what = absl::StrCat("open a consumer of stream \"", spec.stream, "\": ");
  if (!events.on_messages)
    return absl::InvalidArgumentError(absl::StrCat(what, "no callback for arrivals; set `on_messages`"));
  if (spec.max_in_flight == 0) {
    return absl::InvalidArgumentError(absl::StrCat(what, "max_in_flight is 0; allow at least one message"));
  }
  if (spec.kind == ConsumerKind::kAtMostOnce) return absl::OkStatus();
  if (spec.consumer.empty())
    return absl::InvalidArgumentError(absl::StrCat(what, "no consumer name; name the durable"));
  if (spec.ack_wait.count() <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(what, "ack_wait is not above 0; give handlers time to answer"));
  }
  return absl::OkStatus();
}

BrokerConsumer::BrokerConsumer(BrokerStream& of, const ConsumerSpec& spec)
    : stream(of),
      name(spec.consumer),
      kind(spec.kind),
      ack_all(spec.ack_all),
      position(spec,
               spec.kind == ConsumerKind::kAtMostOnce && spec.begins == Beginning::kNew ? of.log.last_sequence() : 0) {}

std::shared_ptr<BrokerSubscriber> BrokerConsumer::NextSubscriber() {
  for (std::size_t i = 0; kind != ConsumerKind::kExclusive && i < subscribers.size(); ++i) {
    std::rotate(subscribers.begin(), subscribers.begin() + 1, subscribers.end());
    if (subscribers.back()->ready()) return subscribers.back();
  }
  return kind == ConsumerKind::kExclusive && !subscribers.empty() && subscribers.front()->ready() ? subscribers.front()
                                                                                                  : nullptr;
}

std::size_t BrokerConsumer::ShareOf(const BrokerSubscriber& subscriber) {
  if (kind == ConsumerKind::kExclusive) return kBatchSize;
  if (turns_left == 0) {
    turns_left = static_cast<std::size_t>(
        std::count_if(subscribers.begin(), subscribers.end(), [](const auto& each) { return each->ready(); }));
    share = std::max<std::size_t>(1, (position.Available(stream.log) + turns_left - 1) / turns_left);
  }
  --turns_left;
  return std::min({kBatchSize, subscriber.credit, share});
}

absl::StatusOr<BrokerConsumer*> ConsumerFor(BrokerStream& stream, const ConsumerSpec& spec) {
  for (const auto& consumer : stream.consumers) {
    if (spec.consumer.empty() || consumer->name != spec.consumer) continue;
    if (consumer->kind != spec.kind) {
      return Misfit(spec, "kind of delivery", KindName(consumer->kind), KindName(spec.kind));
    }
    if (consumer->ack_all != spec.ack_all) {
      return Misfit(spec, "ack_policy", AckPolicyName(consumer->ack_all), AckPolicyName(spec.ack_all));
    }
    const std::string& filter = consumer->position.spec().filter_subject;
    if (filter != spec.filter_subject) return Misfit(spec, "filter subject", filter, spec.filter_subject);
    return consumer.get();
  }
  return stream.consumers.emplace_back(std::make_unique<BrokerConsumer>(stream, spec)).get();
}

}  // namespace penstock::eventbus::memory
