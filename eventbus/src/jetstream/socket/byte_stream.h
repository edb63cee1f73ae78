// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "absl/status/status.h"

namespace penstock::eventbus::jetstream {

/// A connection to a server that carries bytes, in the clear or encrypted. Nothing here blocks.
///
/// **Thread safety:** one thread reads at a time, and one writes at a time, perhaps at the same moment. `Shutdown` from
/// any thread.
class ByteStream {
 public:
  struct Progress {
    std::size_t bytes = 0;
    bool ended = false;  ///< no more will ever come, or can be written; `fault` says why
  };

  virtual ~ByteStream() = default;

  /// The descriptor to poll.
  virtual int descriptor() const = 0;
  /// Reads what there is into the room, in its order. No bytes and not ended: try again when the socket is readable.
  virtual Progress Read(std::span<const iovec> room) = 0;
  /// Whether another `Read` can bring bytes although the socket has none. For the thread that reads.
  virtual bool has_buffered() const { return false; }
  /// Writes as much as the socket takes now.
  virtual Progress Write(std::string_view bytes) = 0;
  /// Why reading ended: `kUnavailable`, or `kFailedPrecondition` where trying again cannot help. For the thread that
  /// reads.
  virtual absl::Status fault() const = 0;

  /// Ends the connection for both sides.
  virtual void Shutdown() = 0;
};

}  // namespace penstock::eventbus::jetstream
