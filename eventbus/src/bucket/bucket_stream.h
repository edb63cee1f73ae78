// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "message/stored_message.h"
#include "transport/key_value_store.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// The reports of a watch, as its stream has them.
struct StreamWatchEvents {
  std::function<void(const StoredMessage& message)> on_message{};
  std::function<void()> on_up_to_date{};
  BucketWatchBeginning begins = BucketWatchBeginning::kLastOfEachKey;
};

/// A bucket's stream, as a transport has it. Names were checked.
///
/// **Thread safety:** thread-safe. **Ownership:** may outlive its transport, and fails then with `kFailedPrecondition`.
/// **Blocking:** every call, until its limit.
class BucketStream {
 public:
  enum class Resend {
    kNever,
    kUntilDeadline,  ///< with one message ID, so that it is stored once
  };

  virtual ~BucketStream() = default;

  /// As it was when it was opened.
  virtual const BucketSpec& spec() const = 0;

  /// Stores the message, whose ID is empty, and returns its sequence. `kAborted` when the last message of its subject
  /// is not the expected one.
  virtual absl::StatusOr<std::uint64_t> Store(OutboundMessage message, Resend resend, const CallLimit& limit) = 0;

  /// The last message of the subject, read as `how` says. `kNotFound` when there is none.
  virtual absl::StatusOr<std::unique_ptr<StoredMessage>> ReadLast(const std::string& subject, BucketReads how,
                                                                  const CallLimit& limit) = 0;

  /// As `Bucket::Watch`.
  virtual absl::StatusOr<std::unique_ptr<KeyValueWatch>> Watch(const std::string& filter, StreamWatchEvents events,
                                                               const CallLimit& limit) = 0;
};

}  // namespace penstock::eventbus
