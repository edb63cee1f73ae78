// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// What nats.c carries for its callbacks instead of a pointer. The library may call back after the object that asked
/// for it was destroyed (nats.c issue 735), so a callback looks its object up, and finds nothing once that is gone.
///
/// **Thread safety:** thread-safe. **Ownership:** of nothing; the table lives as long as the process, entries until
/// `Remove`.
template <typename T>
class Closures {
 public:
  static void* Add(std::weak_ptr<T> object) {
    Table& table = TheTable();
    MutexLock lock(table.mutex);
    const std::uintptr_t number = ++table.last;
    table.objects.emplace(number, std::move(object));
    return reinterpret_cast<void*>(number);
  }

  static void Remove(void* closure) {
    Table& table = TheTable();
    MutexLock lock(table.mutex);
    table.objects.erase(reinterpret_cast<std::uintptr_t>(closure));
  }

  /// Null when the object is gone.
  static std::shared_ptr<T> Find(void* closure) {
    Table& table = TheTable();
    MutexLock lock(table.mutex);
    const auto found = table.objects.find(reinterpret_cast<std::uintptr_t>(closure));
    return found == table.objects.end() ? nullptr : found->second.lock();
  }

 private:
  struct Table {
    Mutex mutex;
    std::uintptr_t last ABSL_GUARDED_BY(mutex) = 0;
    absl::flat_hash_map<std::uintptr_t, std::weak_ptr<T>> objects ABSL_GUARDED_BY(mutex);
  };

  // Never destroyed: library threads may still look things up while the process ends.
  static Table& TheTable() {
    static Table* const kTable = new Table;
    return *kTable;
  }
};

}  // namespace penstock::eventbus::jetstream
