// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "jetstream/message/encoded_publish.h"
#include "jetstream/socket/byte_stream.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Protocol text to be sent to the server, in the order of the calls, and the owners of unanswered pings.
///
/// The bytes of one system call have no bound here: `Write` hands everything that is queued to the stream at once, and
/// the socket takes as much as its send buffer has room for. When to write, and thus how much gathers, decides
/// `WritePacing`.
///
/// **Thread safety:** thread-safe; `Write` by one thread at a time.
class SendQueue {
 public:
  /// The sender of a ping, which gets its answer.
  enum class PingOwner { kLibrary, kLoop };

  /// Adds PUB or HPUB frames. `kInvalidArgument`, and nothing added, when a subject is empty or has spaces or control
  /// characters, which would end its line.
  absl::Status Add(std::span<const Publication> publications);
  /// Adds a line that is protocol already, with its line end.
  void AddLine(std::string_view line);
  /// Adds a PING. Returns its number among those of its owner, from 1.
  std::uint64_t AddPing(PingOwner owner);
  /// A PONG came. The owner of the ping it answers; nothing when there was none.
  std::optional<PingOwner> TakePing();

  bool empty() const { return !queued_.load(); }
  /// Writes what the stream takes now. False when something is left. What cannot be written any more is dropped: the
  /// thread that reads finds the end of the connection.
  bool Write(ByteStream& stream);

 private:
  void TakeQueued();

  Mutex mutex_;
  std::string queue_ ABSL_GUARDED_BY(mutex_){};  // whole frames
  std::deque<PingOwner> pings_ ABSL_GUARDED_BY(mutex_){};
  std::uint64_t loop_pings_ ABSL_GUARDED_BY(mutex_) = 0;
  // Something is in the queue, or left of what is being sent. Sequentially consistent: see `IoLoop`.
  std::atomic<bool> queued_{false};

  // Of the thread that writes.
  std::string sending_{};
  std::size_t sent_ = 0;
};

}  // namespace penstock::eventbus::jetstream
