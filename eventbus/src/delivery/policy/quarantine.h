// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// Which keys have messages in the dead letters, and which: a message of such a key is handled only when none that came
/// before it is there. Messages are known by their origin, the stream sequence of their first coming, so that a
/// redriven one has its old place. Thread-confined to its state machine.
class Quarantine {
 public:
  /// A message of the key is in the dead letters.
  void Add(std::uint64_t key_hash, std::uint64_t origin);

  /// A redriven message was handled.
  void Release(std::uint64_t key_hash, std::uint64_t origin);

  /// Whether the message has to follow others of its key to the dead letters.
  bool Follows(const InFlightMessage& item) const;

  /// Whether the letter that the message was redriven from is there.
  bool Has(const InFlightMessage& item) const;

  /// From now on additions and releases are noted.
  void NoteChanges();
  /// Makes the changes here that the other one noted.
  void ChangeAs(const Quarantine& other);

  std::size_t keys() const { return letters_.size(); }

 private:
  struct Change {
    std::uint64_t key_hash = 0;
    std::uint64_t origin = 0;
    bool added = false;
  };

  bool notes_changes_ = false;
  std::vector<Change> changes_;
  absl::flat_hash_map<std::uint64_t, std::set<std::uint64_t>> letters_;  // origins, by key hash
};

}  // namespace penstock::eventbus
