// SPDX-License-Identifier: Apache-2.0
#include "delivery/in_flight_table.h"

#include <algorithm>

namespace penstock::eventbus {
namespace {

bool IsIndexed(Stage stage) { return stage == Stage::kPaused || stage == Stage::kPutDown || stage == Stage::kWaiting; }

void SortBySequence(std::vector<Item*>& items) {
  std::sort(items.begin(), items.end(), [](Item* a, Item* b) { return a->sequence < b->sequence; });
}

}  // namespace

Item& InFlightTable::Add(std::unique_ptr<Item> item) {
  Item& added = *item;
  items_.emplace(added.sequence, std::move(item));
  return added;
}

Item* InFlightTable::Find(std::uint64_t sequence) const {
  const auto found = items_.find(sequence);
  return found == items_.end() ? nullptr : found->second.get();
}

std::unique_ptr<Item> InFlightTable::Remove(Item& item) {
  SetStage(item, Stage::kNew);
  if (item.stale) {
    const auto found =
        std::find_if(stale_.begin(), stale_.end(), [&](const auto& other) { return other.get() == &item; });
    std::unique_ptr<Item> owned = std::move(*found);
    stale_.erase(found);
    return owned;
  }
  const auto found = items_.find(item.sequence);
  std::unique_ptr<Item> owned = std::move(found->second);
  items_.erase(found);
  return owned;
}

void InFlightTable::KeepOnly(absl::FunctionRef<bool(const Item&)> keep, bool stale,
                             absl::FunctionRef<void(Item&)> dropped) {
  for (auto entry = items_.begin(); entry != items_.end();) {
    std::unique_ptr<Item>& item = entry->second;
    const bool kept = keep(*item);
    if (!kept) {
      dropped(*item);
      SetStage(*item, Stage::kNew);
    } else if (stale) {
      item->stale = true;
      stale_.push_back(std::move(item));
    }
    (kept && !stale) ? static_cast<void>(++entry) : items_.erase(entry++);
  }
}

void InFlightTable::KeepOnlyStale(absl::FunctionRef<bool(const Item&)> keep, absl::FunctionRef<void(Item&)> dropped) {
  std::erase_if(stale_, [&](const std::unique_ptr<Item>& item) {
    if (keep(*item)) return false;
    dropped(*item);
    SetStage(*item, Stage::kNew);
    return true;
  });
}

void InFlightTable::SetStage(Item& item, Stage stage) {
  if (item.stage == stage) return;
  --in_stage_[static_cast<std::size_t>(item.stage)];
  ++in_stage_[static_cast<std::size_t>(stage)];
  if (IsIndexed(item.stage)) RemoveFromIndex(item);
  item.stage = stage;
  if (IsIndexed(stage)) AddToIndex(item);
}

void InFlightTable::AddToIndex(Item& item) {
  if (item.stage == Stage::kWaiting) {
    waiting_.emplace(item.due, item.sequence);
  } else {
    (item.stage == Stage::kPaused ? paused_ : put_down_).emplace(item.sequence, &item);
  }
}

void InFlightTable::RemoveFromIndex(const Item& item) {
  if (item.stage == Stage::kWaiting) {
    waiting_.erase({item.due, item.sequence});
  } else {
    (item.stage == Stage::kPaused ? paused_ : put_down_).erase(item.sequence);
  }
}

std::vector<Item*> InFlightTable::Ascending() const {
  std::vector<Item*> all;
  all.reserve(items_.size());
  for (const auto& [sequence, item] : items_) all.push_back(item.get());
  SortBySequence(all);
  return all;
}

std::vector<Item*> InFlightTable::Ascending(Stage stage) const {
  std::vector<Item*> some;
  for (const auto& [sequence, item] : items_) {
    if (item->stage == stage) some.push_back(item.get());
  }
  SortBySequence(some);
  return some;
}

}  // namespace penstock::eventbus
