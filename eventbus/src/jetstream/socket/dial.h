// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "naming/server_url.h"
#include "penstock/actorpool/internal/file_descriptor.h"

namespace penstock::eventbus::jetstream {

/// How long connecting may wait, and what ends it early.
struct WaitLimit {
  std::chrono::steady_clock::time_point deadline{};
  int cancel_descriptor = -1;  ///< readable once connecting is to end; -1: nothing ends it early
};

/// Waits until one of `events` (of poll) is there. `kUnavailable` when the limit passed, `kCancelled`.
absl::Status AwaitReady(int descriptor, short events, const WaitLimit& limit);

/// Connects to the first address of the server that answers. The socket does not block, is closed on exec, and has the
/// options of `SetSocketOptions`. `kUnavailable`, `kCancelled`.
absl::StatusOr<FileDescriptor> Dial(const ServerAddress& server, const WaitLimit& limit);

}  // namespace penstock::eventbus::jetstream
