// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/quarantine.h"

namespace penstock::eventbus {

void Quarantine::Add(std::uint64_t key_hash, std::uint64_t origin) {
  if (notes_changes_) changes_.push_back({.key_hash = key_hash, .origin = origin, .added = true});
  letters_[key_hash].insert(origin);
}

void Quarantine::NoteChanges() {
  notes_changes_ = true;
  changes_.clear();
}

void Quarantine::ChangeAs(const Quarantine& other) {
  for (const Change& change : other.changes_)
    change.added ? Add(change.key_hash, change.origin) : Release(change.key_hash, change.origin);
}

void Quarantine::Release(std::uint64_t key_hash, std::uint64_t origin) {
  if (notes_changes_) changes_.push_back({.key_hash = key_hash, .origin = origin, .added = false});
  auto key = letters_.find(key_hash);
  if (key == letters_.end()) return;
  key->second.erase(origin);
  if (key->second.empty()) letters_.erase(key);
}

// One that was never redriven comes after all that were: also when the stream was created again and its sequence is
// lower.
bool Quarantine::Follows(const InFlightMessage& item) const {
  if (letters_.empty() || !item.keyed()) return false;
  auto key = letters_.find(item.key_hash);
  if (key == letters_.end()) return false;
  return item.letter == 0 || *key->second.begin() < item.origin;
}

bool Quarantine::Has(const InFlightMessage& item) const {
  auto key = letters_.find(item.key_hash);
  return key != letters_.end() && key->second.contains(item.origin);
}

}  // namespace penstock::eventbus
