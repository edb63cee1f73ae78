// SPDX-License-Identifier: Apache-2.0
#include "delivery/in_flight_table.h"

#include <algorithm>

namespace penstock::eventbus {
namespace {

bool IsIndexed(MessageState state) {
  return state == MessageState::kPaused || state == MessageState::kEvicted || state == MessageState::kWaiting;
}

}  // namespace

InFlightMessage& InFlightTable::Add(std::unique_ptr<InFlightMessage> item) {
  InFlightMessage& added = *item;
  items_.emplace(added.sequence, std::move(item));
  return added;
}

InFlightMessage* InFlightTable::Find(std::uint64_t sequence) const {
  const auto found = items_.find(sequence);
  return found == items_.end() ? nullptr : found->second.get();
}

std::unique_ptr<InFlightMessage> InFlightTable::Remove(InFlightMessage& item) {
  SetState(item, MessageState::kNew);
  if (item.stale) {
    const auto found =
        std::find_if(stale_.begin(), stale_.end(), [&](const auto& other) { return other.get() == &item; });
    std::unique_ptr<InFlightMessage> owned = std::move(*found);
    stale_.erase(found);
    return owned;
  }
  const auto found = items_.find(item.sequence);
  std::unique_ptr<InFlightMessage> owned = std::move(found->second);
  items_.erase(found);
  return owned;
}

void InFlightTable::KeepOnly(absl::FunctionRef<bool(const InFlightMessage&)> keep, bool stale,
                             absl::FunctionRef<void(InFlightMessage&)> dropped) {
  for (auto entry = items_.begin(); entry != items_.end();) {
    std::unique_ptr<InFlightMessage>& item = entry->second;
    const bool kept = keep(*item);
    if (!kept) {
      dropped(*item);
      SetState(*item, MessageState::kNew);
    } else if (stale) {
      item->stale = true;
      stale_.push_back(std::move(item));
    }
    (kept && !stale) ? static_cast<void>(++entry) : items_.erase(entry++);
  }
}

void InFlightTable::KeepOnlyStale(absl::FunctionRef<bool(const InFlightMessage&)> keep,
                                  absl::FunctionRef<void(InFlightMessage&)> dropped) {
  std::erase_if(stale_, [&](const std::unique_ptr<InFlightMessage>& item) {
    if (keep(*item)) return false;
    dropped(*item);
    SetState(*item, MessageState::kNew);
    return true;
  });
}

void InFlightTable::SetState(InFlightMessage& item, MessageState state) {
  if (item.state == state) return;
  --in_state_[static_cast<std::size_t>(item.state)];
  ++in_state_[static_cast<std::size_t>(state)];
  if (IsIndexed(item.state)) RemoveFromIndex(item);
  item.state = state;
  if (IsIndexed(state)) AddToIndex(item);
}

void InFlightTable::AddToIndex(InFlightMessage& item) {
  if (item.state == MessageState::kWaiting) {
    waiting_.emplace(item.due, item.sequence);
  } else {
    (item.state == MessageState::kPaused ? paused_ : evicted_).emplace(item.sequence, &item);
  }
}

void InFlightTable::RemoveFromIndex(const InFlightMessage& item) {
  if (item.state == MessageState::kWaiting) {
    waiting_.erase({item.due, item.sequence});
  } else {
    (item.state == MessageState::kPaused ? paused_ : evicted_).erase(item.sequence);
  }
}

std::vector<InFlightMessage*> InFlightTable::Ascending(std::optional<MessageState> state) const {
  std::vector<InFlightMessage*> found;
  for (const auto& [sequence, item] : items_) {
    if (!state || item->state == *state) found.push_back(item.get());
  }
  std::sort(found.begin(), found.end(),
            [](InFlightMessage* a, InFlightMessage* b) { return a->sequence < b->sequence; });
  return found;
}

}  // namespace penstock::eventbus
