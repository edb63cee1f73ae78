// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "bus/dead_letters/letter_headers.h"
#include "delivery/in_flight_message.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/options.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Writes dead letters for the delivery logic: keeps messages that will not be handled, with their failure history, in
/// the stream
/// `{base}_dead_letters`, and removes the letters of those that were handled after a redrive.
///
/// **Thread safety:** thread-safe. Outlived by its transport.
/// **Blocking:** `Outstanding` only, and `Stop` for the removals that are queued.
/// **Shutdown:** `Stop`; a closed transport makes it quick. The destructor stops.
class DeadLetterWriter {
 public:
  DeadLetterWriter(const BusOptions& options, Transport& transport);
  ~DeadLetterWriter() { Stop(); }
  DeadLetterWriter(const DeadLetterWriter&) = delete;
  DeadLetterWriter& operator=(const DeadLetterWriter&) = delete;

  /// Stores the item's message; `done` is told once, with true only when the stream has it. The item is read during the
  /// call only, the origin's host is set here. Storing the same delivery twice keeps it once (within the duplicate
  /// window).
  void Store(const InFlightMessage& item, LetterOrigin origin, std::function<void(bool stored)> done);

  /// Removes a letter, later and on a thread of its own; `done` is told once, with true when the letter is gone, also
  /// when it was gone before. After `Stop` it is told false at once.
  void Remove(std::uint64_t letter, std::function<void(bool removed)> done);

  struct OutstandingLetter {
    std::string key{};         ///< percent-encoded, as in the header; empty: none
    std::uint64_t origin = 0;  ///< sequence of the message when it first came to the topic's stream
  };

  /// The letters of the topic's messages that the consumer gave up, oldest first. Takes a request per letter of the
  /// topic.
  absl::StatusOr<std::vector<OutstandingLetter>> Outstanding(std::string_view topic, std::string_view consumer);

  /// Waits until every removal that was asked for is told. Idempotent. Not from a `done`.
  void Stop();

 private:
  struct Removal {
    std::uint64_t letter = 0;
    std::function<void(bool removed)> done{};
  };

  void Run();
  bool RemoveNow(std::uint64_t letter);

  const BusOptions& options_;
  Transport& transport_;
  const std::string stream_;
  const std::string host_;
  Mutex mutex_;
  CondVar work_;
  std::deque<Removal> removals_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);  ///< begins with the first removal
  Mutex stop_mutex_;                            ///< held while `Stop` joins
};

}  // namespace penstock::eventbus
