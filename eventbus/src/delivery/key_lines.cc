// SPDX-License-Identifier: Apache-2.0
#include "delivery/key_lines.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kMany = 8;

void Await(Item& first, std::size_t waiting) { first.awaited.store(waiting >= kMany, std::memory_order_relaxed); }

}  // namespace

// Almost always at the end: only a redelivery comes out of order.
bool KeyLines::Join(Item& item) {
  Line& line = lines_[item.key_hash];
  if (line.first == nullptr) {
    line.first = &item;
    return true;
  }
  if (++line.waiting == kMany) Await(*line.first, line.waiting);
  if (line.last == nullptr || line.last->sequence < item.sequence) {
    (line.last == nullptr ? line.next : line.last->next_of_key) = &item;
    line.last = &item;
    return false;
  }
  Item** link = &line.next;
  while ((*link)->sequence < item.sequence) link = &(*link)->next_of_key;
  item.next_of_key = *link;
  *link = &item;
  return false;
}

std::size_t KeyLines::Behind(const Item& first) const {
  auto line = lines_.find(first.key_hash);
  return line == lines_.end() ? 0 : line->second.waiting;
}

Item* KeyLines::Leave(const Item& first) {
  auto line = lines_.find(first.key_hash);
  Item* const next = line->second.next;
  if (next == nullptr) {
    lines_.erase(line);
    return nullptr;
  }
  line->second.first = next;
  --line->second.waiting;
  line->second.next = next->next_of_key;
  if (line->second.next == nullptr) line->second.last = nullptr;
  next->next_of_key = nullptr;
  Await(*next, line->second.waiting);
  return next;
}

}  // namespace penstock::eventbus
