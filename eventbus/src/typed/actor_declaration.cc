// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "penstock/eventbus/actor.h"

namespace penstock::eventbus {

ActorDeclaration::ActorDeclaration(std::string name, EnvelopeSubscribeOptions policy)
    : name_(std::move(name)), topic_(absl::StrCat("actors.", name_)), policy_(std::move(policy)) {
  if (policy_.durable.empty()) policy_.durable = name_;
}

// A message without a key is a key of its own: it waits for no other.
absl::StatusOr<Envelope> ActorDeclaration::Address(absl::StatusOr<Envelope> message, const SendOptions& options) const {
  if (auto status = CheckName("actor", name_); !status.ok()) return status;
  if (!message.ok()) return Prefixed(absl::StrCat("send to actor ", Quoted(name_)), message.status());
  message->event_id = options.id.empty() ? NewEventId() : options.id;
  message->aggregate_id = options.key.empty() ? message->event_id : options.key;
  if (options.cause != nullptr) return CausedBy(*options.cause, *std::move(message));
  return message;
}

absl::StatusOr<SentMessage> ActorDeclaration::Send(EventBus& bus, absl::StatusOr<Envelope> message,
                                                   const SendOptions& options) const {
  absl::StatusOr<Envelope> addressed = Address(std::move(message), options);
  if (!addressed.ok()) return addressed.status();
  SentMessage sent{.id = addressed->event_id};
  absl::StatusOr<PubAck> ack = bus.PublishEnvelope(topic_, *std::move(addressed),
                                                   {.headers = options.headers,
                                                    .priority_class = options.priority_class,
                                                    .priority = options.priority,
                                                    .delay = options.delay,
                                                    .deliver_at = options.deliver_at});
  if (!ack.ok()) return ack.status();
  sent.ack = *std::move(ack);
  return sent;
}

absl::StatusOr<SubscriptionId> ActorDeclaration::Host(EventBus& bus, const TypedHandlers& handlers) const {
  if (auto status = CheckName("actor", name_); !status.ok()) return status;
  if (auto status = bus.RelayDelayed(); !status.ok()) return status;
  return bus.SubscribeEnvelope(topic_, policy_, handlers);
}

absl::Status ActorDeclaration::CancelDelayed(EventBus& bus, std::string_view id) const {
  if (auto status = CheckName("actor", name_); !status.ok()) return status;
  return bus.CancelDelayed(topic_, id);
}

absl::StatusOr<Result> ActorDeclaration::AwaitResult(EventBus& bus, std::string_view id,
                                                     std::chrono::milliseconds timeout) const {
  if (auto status = CheckName("actor", name_); !status.ok()) return status;
  if (!policy_.results.keep) {
    return absl::FailedPreconditionError(
        absl::StrCat("actor ", Quoted(name_), " keeps no results; set results.keep in its policy"));
  }
  return bus.AwaitResult(topic_, policy_.durable, id, timeout, policy_.results);
}

absl::StatusOr<Cancelled> ActorDeclaration::Cancel(EventBus& bus, std::string_view id,
                                                   std::chrono::milliseconds timeout) const {
  if (auto status = CheckName("actor", name_); !status.ok()) return status;
  if (!policy_.cancel.honour) {
    return absl::FailedPreconditionError(
        absl::StrCat("actor ", Quoted(name_), " honours no requests to cancel; set cancel.honour in its policy"));
  }
  return bus.Cancel(topic_, policy_.durable, id, timeout, policy_.cancel);
}

absl::StatusOr<std::string> ActorDeclaration::ValueOf(absl::StatusOr<Result> result) {
  if (!result.ok()) return result.status();
  if (result->handled) return std::move(result->value);
  return absl::AbortedError(absl::StrCat("the message was given up (", result->error_class, "): ", result->error));
}

}  // namespace penstock::eventbus
