// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "delivery/item.h"

namespace penstock::eventbus {

/// The lines in which messages of one key wait for each other, by stream sequence. Knows items by address only.
/// Lines are kept by key hash: keys of equal hash merely share one. Thread-confined to its flow.
class KeyLines {
 public:
  /// Joins the line of its key. True when nobody is in it: then it is `item`'s turn.
  bool Join(Item& item);

  /// The one whose turn it is leaves. The next one, whose turn it is then; null when there is none.
  Item* Leave(const Item& first);

  /// How many wait behind the one whose turn it is.
  std::size_t Behind(const Item& first) const;

  /// Makes it `item`'s turn in an empty line.
  void Occupy(Item& item) { lines_[item.key_hash].first = &item; }

  void Clear() { lines_.clear(); }
  std::size_t size() const { return lines_.size(); }

 private:
  struct Line {
    Item* first = nullptr;
    Item* next = nullptr;  // the one after `first`
    Item* last = nullptr;
    std::size_t waiting = 0;  // from `next` to `last`
  };

  absl::flat_hash_map<std::uint64_t, Line> lines_;
};

}  // namespace penstock::eventbus
