// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/quarantine.h"

namespace penstock::eventbus {

void Quarantine::Release(std::uint64_t key_hash, std::uint64_t origin) {
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
