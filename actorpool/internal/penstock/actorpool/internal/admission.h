// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::actorpool::internal {

/// The answer of a pool to a message.
enum class Admission {
  kAccepted,
  kFull,    ///< the actor's inbox is at its capacity; the message was left as it was
  kClosed,  ///< the pool is draining or stopped; the message was left as it was
};

}  // namespace penstock::actorpool::internal
