// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/action_executor.h"

#include "absl/container/inlined_vector.h"

namespace penstock::eventbus {

void ActionExecutor::ExtendLeases(const Actions& actions) {
  for (const Action& action : actions.list) {
    if (action.kind != Action::Kind::kExtend || action.item->state == MessageState::kAwaitingRedelivery) continue;
    Acknowledge(action.item->answerable(), AckType::kInProgress);
  }
}

std::vector<InFlightMessage*> ActionExecutor::Execute(Actions& actions) {
  std::vector<InFlightMessage*> refused;
  absl::InlinedVector<Acknowledgement, 128> acks;
  actorpool::internal::PoolAccess::Batch batch(pool_);
  for (Action& action : actions.list) {
    InFlightMessage* const item = action.item;
    switch (action.kind) {
      case Action::Kind::kDispatch:
        if (!Offer(*item, batch)) refused.push_back(item);
        break;
      case Action::Kind::kDeadLetter:
        StoreDeadLetter(*item);
        break;
      case Action::Kind::kRemoveLetter:
        dead_letters_.Remove(item->letter,
                             [this, item](LetterRemoval removal) { listener_.OnLetterRemoved(*item, removal); });
        break;
      case Action::Kind::kLookUpLetter:
        dead_letters_.LookUp(item->letter,
                             [this, item](LetterPresence presence) { listener_.OnLetterLookedUp(*item, presence); });
        break;
      case Action::Kind::kLookUp:
        look_ups_.LookUp(spec_.consumer_spec.stream, item->sequence,
                         [this, item](bool gone) { listener_.OnLookedUp(*item, gone); });
        break;
      case Action::Kind::kAck:
        acks.push_back({action.message.get(), AckType::kAck});
        break;
      case Action::Kind::kNak:
        acks.push_back({action.message.get(), AckType::kNak});
        break;
      case Action::Kind::kTerm:
        acks.push_back({action.message.get(), AckType::kTerm});
        break;
      case Action::Kind::kExtend:
      case Action::Kind::kStuck:
        break;  // done before any other event
    }
  }
  // In one call, after the next messages were enqueued, so that a worker that is awake can begin them meanwhile.
  // Sleeping workers are woken once, when `batch` ends. An answer that is lost comes back as a redelivery, which the
  // delivery logic recognises.
  if (!acks.empty()) consumer_->Acknowledge(acks).IgnoreError();
  if (actions.credit > 0) consumer_->AddCredit(actions.credit);
  if (actions.window > 0) consumer_->SetWindow(actions.window);
  return refused;
}

// A lost answer: as above.
void ActionExecutor::Acknowledge(const StoredMessage& message, AckType type) {
  consumer_->Acknowledge(message, type).IgnoreError();
}

// False when the actor's inbox is full.
bool ActionExecutor::Offer(InFlightMessage& item, actorpool::internal::PoolAccess::Batch& batch) {
  Listener* const listener = &listener_;
  actorpool::Message message{
      .work = [listener, &item] { return listener->Work(item); },
      .settled = [listener, &item](const actorpool::Completion& end) { listener->OnSettled(item, end); }};
  const actorpool::internal::Admission admission = batch.TryEnqueue(message, item.actor);
  if (admission == actorpool::internal::Admission::kClosed) {
    listener_.OnSettled(item, {.disposition = actorpool::Disposition::kAbandoned, .status = absl::CancelledError()});
  }
  return admission != actorpool::internal::Admission::kFull;
}

void ActionExecutor::StoreDeadLetter(InFlightMessage& item) {
  dead_letters_.Store(item,
                      {.topic = spec_.topic,
                       .stream = spec_.consumer_spec.stream,
                       .consumer = spec_.consumer_spec.consumer,
                       .handler = spec_.handler_name},
                      [this, &item](bool stored) { listener_.OnDeadLettered(item, stored); });
}

}  // namespace penstock::eventbus
