// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "bus/dead_letters/dead_letter_writer.h"
#include "bus/look_up/message_look_up.h"
#include "bus/subscribe/subscription_spec.h"
#include "delivery/actions.h"
#include "delivery/in_flight_message.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/pool_access.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Carries out what the delivery logic asks for: hands messages to the pool, answers the server, stores, removes
/// and looks up dead letters, looks messages up.
///
/// **Thread safety:** thread-safe once `UseConsumer` was called; no locks of its own. **Ownership:** all that it is
/// given outlives it. **Blocking:** no.
class ActionExecutor {
 public:
  /// Told how actions end that take time, on threads of the pool and of the transport.
  class Listener {
   public:
    /// Runs the handler, on the thread of its actor. Its status is what the actor's supervision sees.
    virtual absl::Status Work(InFlightMessage& item) = 0;
    virtual void OnSettled(InFlightMessage& item, const actorpool::Completion& settlement) = 0;
    virtual void OnDeadLettered(InFlightMessage& item, bool stored) = 0;
    virtual void OnLetterRemoved(InFlightMessage& item, LetterRemoval removal) = 0;
    virtual void OnLetterLookedUp(InFlightMessage& item, LetterPresence presence) = 0;
    virtual void OnLookedUp(InFlightMessage& item, bool gone) = 0;

   protected:
    ~Listener() = default;
  };

  ActionExecutor(const SubscriptionSpec& spec, actorpool::internal::PoolAccess pool, DeadLetterWriter& dead_letters,
                 MessageLookUp& look_ups, Listener& listener)
      : spec_(spec), pool_(pool), dead_letters_(dead_letters), look_ups_(look_ups), listener_(listener) {}

  /// Where answers and credit go. Before any action.
  void UseConsumer(Consumer& consumer) { consumer_ = &consumer; }

  /// Extends the leases. To be called before any other event, which may end the messages concerned.
  void ExtendLeases(const Actions& actions);
  /// All the rest. The messages that their actors' inboxes had no room for.
  std::vector<InFlightMessage*> Execute(Actions& actions);
  /// Answers one delivery.
  void Acknowledge(const StoredMessage& message, AckType type);

 private:
  bool Offer(InFlightMessage& item, actorpool::internal::PoolAccess::Batch& batch);
  void StoreDeadLetter(InFlightMessage& item);

  const SubscriptionSpec& spec_;
  actorpool::internal::PoolAccess pool_;
  DeadLetterWriter& dead_letters_;
  MessageLookUp& look_ups_;
  Listener& listener_;
  Consumer* consumer_ = nullptr;
};

}  // namespace penstock::eventbus
