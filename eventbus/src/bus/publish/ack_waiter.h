// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/options.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Waits for one PubAck. Thread-safe.
class AckWaiter {
 public:
  void Arrived(absl::StatusOr<PubAck> ack) {
    MutexLock lock(mutex_);
    ack_ = std::move(ack);
    arrived_.NotifyAll();
  }

  /// Ends, since a transport reports the end of every publish by the publish timeout.
  absl::StatusOr<PubAck> Wait() {
    MutexLock lock(mutex_);
    while (!ack_) arrived_.Wait(lock);
    return *std::move(ack_);
  }

 private:
  Mutex mutex_;
  CondVar arrived_;
  std::optional<absl::StatusOr<PubAck>> ack_ ABSL_GUARDED_BY(mutex_);
};

/// Calls `send` with a callback for the PubAck, and waits for that unless `send` returns an error.
template <typename Send>
absl::StatusOr<PubAck> AwaitAck(Send send) {
  auto waiter = std::make_shared<AckWaiter>();
  const absl::Status sent = send([waiter](absl::StatusOr<PubAck> ack) { waiter->Arrived(std::move(ack)); });
  if (!sent.ok()) return sent;
  return waiter->Wait();
}

}  // namespace penstock::eventbus
