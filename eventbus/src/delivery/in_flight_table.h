// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// The messages in flight, by stream sequence, with an index of those that wait for something.
///
/// A message that is still running when its stream is created anew becomes stale: it keeps its place here, but its
/// sequence is free for a message of the new stream.
///
/// **Thread safety:** thread-confined to its state machine. **Ownership:** owns every message in it.
class InFlightTable {
 public:
  using BySequence = std::map<std::uint64_t, InFlightMessage*>;

  /// The sequence must not be in the table. The message enters without a stage (`kNew`).
  InFlightMessage& Add(std::unique_ptr<InFlightMessage> item);
  /// Null when no message of the current stream has that sequence.
  InFlightMessage* Find(std::uint64_t sequence) const;
  /// Takes the message out, stale or not.
  std::unique_ptr<InFlightMessage> Remove(InFlightMessage& item);
  /// Takes out every message that `keep` refuses; `dropped` sees each of those first. Those kept become stale if asked.
  void KeepOnly(absl::FunctionRef<bool(const InFlightMessage&)> keep, bool stale,
                absl::FunctionRef<void(InFlightMessage&)> dropped);
  /// Takes out the stale messages that `keep` refuses; `dropped` sees each of those first.
  void KeepOnlyStale(absl::FunctionRef<bool(const InFlightMessage&)> keep,
                     absl::FunctionRef<void(InFlightMessage&)> dropped);

  /// Every change of `InFlightMessage::stage` goes through here.
  void SetState(InFlightMessage& item, MessageState state);

  /// All that are not stale, or those in one stage, ascending by sequence.
  std::vector<InFlightMessage*> Ascending(std::optional<MessageState> state = std::nullopt) const;
  /// All that are not stale, in no order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [sequence, item] : items_) visit(*item);
  }
  const std::vector<std::unique_ptr<InFlightMessage>>& stale() const { return stale_; }
  const BySequence& paused() const { return paused_; }
  const BySequence& evicted() const { return evicted_; }
  std::size_t waiting() const { return waiting_.size(); }
  /// When the next waiting message is due. Only while one is waiting.
  TimePoint next_due() const { return waiting_.begin()->first; }
  /// The waiting message that is due next.
  InFlightMessage& next_waiting() const { return *items_.at(waiting_.begin()->second); }

  std::size_t size() const { return items_.size(); }
  /// How many are in the stage, stale ones included. Not kept for `kNew`.
  std::size_t count(MessageState state) const { return in_state_[static_cast<std::size_t>(state)]; }

 private:
  void AddToIndex(InFlightMessage& item);
  void RemoveFromIndex(const InFlightMessage& item);

  absl::flat_hash_map<std::uint64_t, std::unique_ptr<InFlightMessage>> items_;  // by stream sequence
  std::vector<std::unique_ptr<InFlightMessage>> stale_;
  BySequence paused_;
  BySequence evicted_;
  std::set<std::pair<TimePoint, std::uint64_t>> waiting_;  // by due time
  std::array<std::size_t, kMessageStates> in_state_{};
};

}  // namespace penstock::eventbus
