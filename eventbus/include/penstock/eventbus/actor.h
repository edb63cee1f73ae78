// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/actor_state.h"
#include "penstock/eventbus/codec.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/options.h"
#include "penstock/eventbus/typed_handlers.h"

namespace penstock {

/// How one message is sent to an actor.
struct SendOptions {
  /// Messages of one key are handled in the order of their sending, one at a time. Empty: the message has no order. The
  /// rules of `Envelope::aggregate_id`.
  std::string key{};
  /// Names the message: two with the same ID within the duplicate window are one. Empty: a new one. The rules of
  /// `Envelope::event_id`.
  std::string id{};
  /// Of the messages to the actor with the same unique name at most one is unfinished, queued or running: when there is
  /// one, this message is not sent, and the ID is that one's. What was handled or given up, as its result tells, is
  /// finished: the policy must keep results, and `results.time_to_live` be longer than a message may take, since after
  /// that it counts as finished. Costs five requests. Empty: the message has none. 1 to 128 bytes of visible ASCII; not
  /// together with `id`, `delay` or `deliver_at`.
  std::string unique{};
  /// The event that it is sent because of: see `CausedBy`. Read during the call only.
  const Envelope* cause = nullptr;
  Headers headers{};                                   ///< as in `PublishOptions`, as are all that follow
  std::string priority_class{};                        ///< one of the actor's policy
  int priority = 0;                                    ///< heeded if the actor's policy sets `by_priority`
  std::chrono::milliseconds delay{0};                  ///< it is sent so much later
  std::chrono::system_clock::time_point deliver_at{};  ///< or then
};

/// Where a message to an actor went.
struct SentMessage {
  std::string id{};
  PubAck ack{};  ///< `duplicate`: an earlier message of that ID, or of that unique name, is there instead
};

namespace eventbus {

/// The part of an actor that does not depend on its message type.
class ActorDeclaration {
 public:
  ActorDeclaration(std::string name, EnvelopeSubscribeOptions policy);

  const std::string& name() const { return name_; }
  const std::string& topic() const { return topic_; }

  absl::StatusOr<SentMessage> Send(EventBus& bus, absl::StatusOr<Envelope> message, const SendOptions& options) const;
  absl::StatusOr<SubscriptionId> Host(EventBus& bus, const TypedHandlers& handlers) const;
  absl::Status CancelDelayed(EventBus& bus, std::string_view id) const;
  absl::StatusOr<Result> AwaitResult(EventBus& bus, std::string_view id, std::chrono::milliseconds timeout) const;
  absl::StatusOr<Cancelled> Cancel(EventBus& bus, std::string_view id, std::chrono::milliseconds timeout) const;
  /// The value of a result; `kAborted` with its error for a message that was given up.
  static absl::StatusOr<std::string> ValueOf(absl::StatusOr<Result> result);

 private:
  absl::StatusOr<Envelope> Address(absl::StatusOr<Envelope> message, const SendOptions& options) const;
  absl::Status CheckUnique(const SendOptions& options) const;
  absl::StatusOr<SentMessage> SendUnique(EventBus& bus, absl::StatusOr<Envelope> message, SendOptions options) const;

  std::string name_;
  std::string topic_;
  EnvelopeSubscribeOptions policy_;
};

}  // namespace eventbus

/// A named actor: declared once, with the type of its messages and how they are handled; sent to from anywhere that
/// knows the declaration, and run by whoever hosts it.
///
///     inline const Actor<SendEmail> kSendEmail{"send-email", {.retry = {.max_attempts = 5}}};
///
///     kSendEmail.Send(bus, email, {.key = customer});                         // one program
///     kSendEmail.Host(bus, [](const SendEmail& email) { return Mail(email); });  // another
///
/// An actor is a topic, `actors.{name}`, with a durable of the same name unless `policy` names another, and nothing
/// beside the bus: its messages are envelopes, kept until they are handled, retried, dead-lettered and redriven as any.
/// Of the hosts one handles and the others stand by, or all share the work (`Sharing::kShared`, without order between
/// them).
///
/// **Thread safety:** thread-safe; a value. **Blocking:** as `EventBus::PublishEnvelope` and `SubscribeEnvelope`, whose
/// errors are returned; `kInvalidArgument` for a name that is not 1 to 64 bytes of `[A-Za-z0-9_-]`.
template <Encodable T>
class Actor {
 public:
  explicit Actor(std::string name, EnvelopeSubscribeOptions policy = {})
      : declaration_(std::move(name), std::move(policy)) {}

  /// Stores the message and waits for its PubAck.
  absl::StatusOr<SentMessage> Send(EventBus& bus, const T& message, const SendOptions& options = {}) const {
    return declaration_.Send(bus, MakeEnvelope(message), options);
  }

  /// Calls off a message that was sent with a delay, without a class, and is not due yet: see
  /// `EventBus::CancelDelayed`, which takes the topic of a class too.
  absl::Status CancelDelayed(EventBus& bus, std::string_view id) const { return declaration_.CancelDelayed(bus, id); }

  /// Handles the actor's messages on this bus from now on, and relays those that are delayed
  /// (`EventBus::RelayDelayed`).
  template <TypedHandler<T> H>
  absl::StatusOr<SubscriptionId> Host(EventBus& bus, H handler) const {
    return declaration_.Host(bus, TypedHandlers().On<T>(std::move(handler)));
  }

  /// The same with a state of each key, whose `Handle` is called with the message and the delivery, or the message. It
  /// is made, or loaded, when the key's first message comes, is entered by one call at a time, and is saved before its
  /// message is acknowledged: a kept state has seen every message once, whatever crashed in between. A message without
  /// a key is rejected. `kInvalidArgument` also for options; errors as `EventBus::Bucket`.
  template <StateOf<T> State>
  absl::StatusOr<SubscriptionId> HostState(EventBus& bus, StateOptions<State> options = {}) const {
    if (options.idle_after.count() < 1)
      return absl::InvalidArgumentError("state options: idle_after is below 1 ms; raise it");
    std::shared_ptr<StateStore> store = std::move(options.store);
    if constexpr (Encodable<State>) {
      if (store == nullptr && !options.in_memory_only) {
        auto opened = OpenStateBucket(bus, "PENSTOCK_ACTORS", name(), {.replicas = bus.options().limits.replicas});
        if (!opened.ok()) return opened.status();
        store = *std::move(opened);
      }
    } else if (store != nullptr) {
      return absl::InvalidArgumentError("state options: store is set, and the state has no codec; give it one");
    }
    return Host(bus, eventbus::StatefulHandler<State, T>(std::make_shared<eventbus::StateKeeper>(
                         eventbus::TypeOf(options), std::move(store), options.idle_after)));
  }

  /// Waits for what becomes of the message with that ID, of whatever process: the actor's policy must keep results.
  /// Errors as `EventBus::AwaitResult`.
  absl::StatusOr<Result> AwaitResult(EventBus& bus, std::string_view id, std::chrono::milliseconds timeout) const {
    return declaration_.AwaitResult(bus, id, timeout);
  }

  /// Cancels the message with that ID, wherever it is: the actor's policy must honour that. Errors as
  /// `EventBus::Cancel`.
  absl::StatusOr<Cancelled> Cancel(EventBus& bus, std::string_view id, std::chrono::milliseconds timeout) const {
    return declaration_.Cancel(bus, id, timeout);
  }

  /// Sends the message and waits for the value that its handler returns. `kAborted` when the message was given up, with
  /// its error; `kDeadlineExceeded` when there is no result within `timeout` of its PubAck: it may be handled yet.
  template <Encodable Reply>
  absl::StatusOr<Reply> Ask(EventBus& bus, const T& message, std::chrono::milliseconds timeout,
                            const SendOptions& options = {}) const {
    const absl::StatusOr<SentMessage> sent = Send(bus, message, options);
    if (!sent.ok()) return sent.status();
    absl::StatusOr<std::string> value = declaration_.ValueOf(AwaitResult(bus, sent->id, timeout));
    if (!value.ok()) return value.status();
    return Codec<Reply>::Decode(*value);
  }

  const std::string& name() const { return declaration_.name(); }
  const std::string& topic() const { return declaration_.topic(); }

 private:
  eventbus::ActorDeclaration declaration_;
};

}  // namespace penstock
