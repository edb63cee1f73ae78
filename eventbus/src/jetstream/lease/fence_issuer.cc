// SPDX-License-Identifier: Apache-2.0
#include "jetstream/lease/fence_issuer.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {

absl::StatusOr<std::uint64_t> FenceIssuer::Issue(const Request& request, const CallLimit& limit) {
  const absl::StatusOr<std::shared_ptr<KeyValueStore>> store = Store(limit);
  if (!store.ok()) return store.status();
  const std::string key = absl::StrCat("fence.", request.consumer);
  if (request.last != 0) {
    const absl::StatusOr<BucketEntry> entry = (*store)->Get(key, limit);
    if (!entry.ok() && !absl::IsNotFound(entry.status())) return entry.status();
    if (entry.ok() && entry->revision == request.last && entry->value == request.owner) return request.last;
  }
  absl::StatusOr<std::uint64_t> revision = (*store)->Put(key, request.owner, limit);
  if (!revision.ok()) Forget();
  return revision;
}

absl::StatusOr<std::shared_ptr<KeyValueStore>> FenceIssuer::Store(const CallLimit& limit) {
  {
    const MutexLock lock(mutex_);
    if (store_ != nullptr) return store_;
  }
  absl::StatusOr<std::unique_ptr<KeyValueStore>> opened = open_(limit);
  if (!opened.ok()) return opened.status();
  const MutexLock lock(mutex_);
  if (store_ == nullptr) store_ = *std::move(opened);
  return store_;
}

// The bucket may have been deleted.
void FenceIssuer::Forget() {
  const MutexLock lock(mutex_);
  store_ = nullptr;
}

}  // namespace penstock::eventbus::jetstream
