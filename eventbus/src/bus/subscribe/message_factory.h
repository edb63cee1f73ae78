// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "bus/subscribe/subscription_spec.h"
#include "delivery/delivery_state_machine.h"
#include "delivery/in_flight_message.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/pool_access.h"

namespace penstock::eventbus {

/// Makes what the delivery logic works with from the messages that arrive: finds the key and its actor, and whether the
/// message was redriven. Items are made on one thread and end on others, which is what an allocator is worst at, so
/// their memory is used again.
///
/// **Thread safety:** thread-confined to the thread that receives. **Ownership:** `spec` and `pool` outlive it.
class MessageFactory {
 public:
  MessageFactory(const SubscriptionSpec& spec, const actorpool::internal::PoolAccess pool) : spec_(spec), pool_(pool) {}

  std::unique_ptr<InFlightMessage> Make(std::unique_ptr<StoredMessage> message);

  /// Takes over the memory of items that ended.
  void Refill(DeliveryStateMachine& flow) { flow.ExchangeSpares(spares_); }
  /// Once: the sequence of a message whose priority cannot be read, or is out of range, and is taken as 0.
  std::optional<std::uint64_t> TakeOddPriority() { return std::exchange(odd_priority_, std::nullopt); }
  /// Keeps no more than a moderate load needs.
  void Shrink();

 private:
  std::unique_ptr<InFlightMessage> NewItem();
  void AssignKey(InFlightMessage& item) const;
  void AssignRedrive(InFlightMessage& item) const;
  void AssignPriority(InFlightMessage& item);

  const SubscriptionSpec& spec_;
  const actorpool::internal::PoolAccess pool_;
  std::vector<std::unique_ptr<InFlightMessage>> spares_;
  std::optional<std::uint64_t> odd_priority_{};
  bool odd_priority_told_ = false;
};

}  // namespace penstock::eventbus
