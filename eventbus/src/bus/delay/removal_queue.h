// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace penstock::eventbus {

/// The delayed messages that were published and are to be removed, one after the other. One that could not be removed
/// comes first again; from then on all are looked at before they are removed, since their stream may be another.
///
/// Pure: no clock, no thread. **Thread safety:** thread-compatible.
class RemovalQueue {
 public:
  struct Item {
    std::uint64_t sequence = 0;
    std::uint64_t epoch = 0;  ///< of its stream
    std::string subject{};
    bool look_first = false;  ///< whether its sequence is still its own: it, or one before it, has waited
  };

  /// `look`: it may be another message's sequence already.
  void Add(std::uint64_t sequence, std::uint64_t epoch, std::string subject, bool look = false);
  /// The next one. Not before the one that was taken last has been removed, or was put back.
  std::optional<Item> Take();
  /// The one that was taken last was removed, or could not be; `refused`: until somebody allows it.
  void Tried(bool refused) { refused_ = refused && !forgotten_; }
  void PutBack(Item item);
  /// Nothing of what was added so far is to be removed, not even what was taken.
  void Forget();

  bool empty() const { return items_.empty(); }
  /// The latest removal was refused.
  bool refused() const { return refused_; }

 private:
  std::deque<Item> items_;
  bool forgotten_ = false;  // since `Take`
  bool refused_ = false;
};

}  // namespace penstock::eventbus
