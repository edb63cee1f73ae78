// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "penstock/eventbus/actor.h"
#include "typed/unique_claims.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kMostNameBytes = 128;

}  // namespace

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
  if (!options.unique.empty()) {
    if (auto status = CheckUnique(options); !status.ok())
      return Prefixed(absl::StrCat("send to actor ", Quoted(name_)), status);
    return SendUnique(bus, std::move(message), options);
  }
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

absl::Status ActorDeclaration::CheckUnique(const SendOptions& options) const {
  const auto require = [](bool holds, const char* text) {
    return holds ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrCat("unique: ", text));
  };
  const bool delayed = options.delay.count() != 0 || options.deliver_at != std::chrono::system_clock::time_point{};
  absl::Status status = CheckVisibleAscii("unique", options.unique, kMostNameBytes, Presence::kRequired);
  status.Update(
      require(options.id.empty(), "id is set too, and a message of a unique name gets a new one; leave it out"));
  status.Update(require(!delayed, "delay or deliver_at is set too; a delayed message is one for each id: give that"));
  if (!status.ok() || policy_.results.keep) return status;
  return absl::FailedPreconditionError(
      "unique: the actor keeps no results, which tell what is finished; set results.keep in its policy");
}

// What has a claim without being in the stream may be on its way there, or its sender is gone: it is sent with the ID
// of the claim, which the stream takes once.
absl::StatusOr<SentMessage> ActorDeclaration::SendUnique(EventBus& bus, absl::StatusOr<Envelope> message,
                                                         SendOptions options) const {
  const std::string name = std::exchange(options.unique, std::string());
  const std::string what = absl::StrCat("send to actor ", Quoted(name_));
  options.id = NewEventId();
  if (absl::StatusOr<Envelope> sane = Address(message, options); !sane.ok()) return sane.status();
  auto claims = UniqueClaims::Open(bus, topic_, policy_.durable, policy_.results);
  if (!claims.ok()) return Prefixed(what, claims.status());
  const auto deadline = std::chrono::steady_clock::now() + bus.options().publish_timeout;
  const absl::StatusOr<UniqueClaims::Claim> claim = claims->Take(name, options.id, deadline);
  if (!claim.ok()) return Prefixed(what, claim.status());
  options.id = claim->event_id;
  if (claim->stored) {
    SentMessage earlier{.id = claim->event_id, .ack = *claim->stored};
    earlier.ack.duplicate = true;
    return earlier;
  }
  absl::StatusOr<SentMessage> sent = Send(bus, std::move(message), options);
  if (sent.ok()) claims->NoteStored(name, *claim, sent->ack);
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
