// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <future>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/message.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Calls `send` with a callback for the PubAck, and waits for that unless `send` returns an error. Ends, since a
/// transport reports the end of every publish by the publish timeout.
template <typename Send>
absl::StatusOr<PubAck> AwaitAck(Send send) {
  std::promise<absl::StatusOr<PubAck>> promise;
  std::future<absl::StatusOr<PubAck>> ack = promise.get_future();
  const absl::Status sent = send([promise = std::move(promise)](absl::StatusOr<PubAck> arrived) mutable {
    promise.set_value(std::move(arrived));
  });
  return sent.ok() ? ack.get() : sent;
}

}  // namespace penstock::eventbus
