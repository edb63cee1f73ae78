// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/internal/mutex.h"
#include "transport/key_value_store.h"

namespace penstock::eventbus::jetstream {

/// Issues the fencing tokens of durables on a server that stands alone. (In a cluster the claim's revision is one.)
///
/// A token is the revision of a write to the bucket of leases, to be made after the consumer was bound and before the
/// look that shows that it is ours: since it is then ours in between too, every token was issued within the ownership
/// that it is used in, and ownerships follow one another. A token stays good while it is the last one that was written
/// for its durable: nobody has owned it in between. The key is not the claim's, which a process that is connected to a
/// cluster beside this server may hold.
///
/// **Thread safety:** thread-safe. **Ownership:** owns the store. **Blocking:** for the limits.
class FenceIssuer {
 public:
  using OpenStore = std::function<absl::StatusOr<std::unique_ptr<KeyValueStore>>(const CallLimit& limit)>;

  explicit FenceIssuer(OpenStore open) : open_(std::move(open)) {}
  FenceIssuer(const FenceIssuer&) = delete;
  FenceIssuer& operator=(const FenceIssuer&) = delete;

  struct Request {
    std::string consumer{};  ///< a key of a bucket
    std::string owner{};     ///< of this ownership and no other
    std::uint64_t last = 0;  ///< that was issued to it; 0: none
  };
  /// Opens the bucket, which the first `Issue` does otherwise.
  absl::Status Open(const CallLimit& limit) { return Store(limit).status(); }
  /// The token of the owner: its last one if nobody has been issued one since. Errors are those of the bucket; one that
  /// was deleted is created again with the next call.
  absl::StatusOr<std::uint64_t> Issue(const Request& request, const CallLimit& limit);

 private:
  absl::StatusOr<std::shared_ptr<KeyValueStore>> Store(const CallLimit& limit);
  void Forget();

  const OpenStore open_;
  Mutex mutex_;
  std::shared_ptr<KeyValueStore> store_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus::jetstream
